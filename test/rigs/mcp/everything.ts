// A server of the official SDK (1.x) with what most scenarios of the conformance suite look for.
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  type CallToolResult
} from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const silence = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA='
const text = (text: string) => ({ type: 'text' as const, text })
const image = { type: 'image' as const, data: pixel, mimeType: 'image/png' }
const embedded = (uri: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType: 'text/plain', text: 'This is an embedded resource content.' }
})

export function createEverything(): McpServer {
  const server = new McpServer(
    { name: 'everything', version: '1.0.0' },
    { capabilities: { logging: {}, resources: { subscribe: true }, completions: {} } }
  )
  const results: Record<string, CallToolResult['content']> = {
    test_simple_text: [text('This is a simple text response for testing.')],
    test_image_content: [image],
    test_audio_content: [{ type: 'audio', data: silence, mimeType: 'audio/wav' }],
    test_embedded_resource: [embedded('test://embedded-resource')],
    test_multiple_content_types: [
      text('Multiple content types test:'),
      image,
      embedded('test://mixed-content-resource')
    ]
  }
  for (const [name, content] of Object.entries(results)) {
    server.registerTool(name, { description: name }, async () => ({ content }))
  }
  server.registerTool('test_error_handling', { description: 'fails' }, async () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  server.registerTool('test_tool_with_logging', { description: 'logs' }, async ({ sendNotification }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
    }
    return { content: [text('logged')] }
  })
  server.registerTool('test_tool_with_progress', { description: 'reports' }, async ({ sendNotification, _meta }) => {
    const progressToken = _meta?.progressToken ?? 0
    for (const progress of [0, 50, 100]) {
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
    }
    return { content: [text(String(progressToken))] }
  })
  server.registerTool(
    'test_sampling',
    { description: 'samples', inputSchema: { prompt: z.string() } },
    async ({ prompt }, { sendRequest }) => {
      const messages = [{ role: 'user' as const, content: text(prompt) }]
      const request = { method: 'sampling/createMessage' as const, params: { messages, maxTokens: 100 } }
      const { content } = await sendRequest(request, CreateMessageResultSchema)
      return { content: [text(`LLM response: ${JSON.stringify(content)}`)] }
    }
  )
  server.registerTool(
    'test_elicitation',
    { description: 'asks', inputSchema: { message: z.string() } },
    async ({ message }, { sendRequest }) => {
      const requestedSchema = { type: 'object' as const, properties: { username: { type: 'string' as const } } }
      const request = { method: 'elicitation/create' as const, params: { message, requestedSchema } }
      const { action, content } = await sendRequest(request, ElicitResultSchema)
      return { content: [text(`User response: ${action}, ${JSON.stringify(content)}`)] }
    }
  )
  server.registerResource('text', 'test://static-text', { mimeType: 'text/plain' }, async ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }]
  }))
  server.registerResource('binary', 'test://static-binary', { mimeType: 'image/png' }, async ({ href }) => ({
    contents: [{ uri: href, mimeType: 'image/png', blob: pixel }]
  }))
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  server.registerResource('template', template, { mimeType: 'application/json' }, async ({ href }, { id }) => ({
    contents: [{ uri: href, mimeType: 'application/json', text: JSON.stringify({ id }) }]
  }))
  const prompt = (...content: object[]) => ({
    messages: content.map((content) => ({ role: 'user' as const, content: content as ReturnType<typeof text> }))
  })
  server.registerPrompt('test_simple_prompt', {}, async () => prompt(text('This is a simple prompt for testing.')))
  server.registerPrompt(
    'test_prompt_with_arguments',
    { argsSchema: { arg1: z.string(), arg2: z.string() } },
    async ({ arg1, arg2 }) => prompt(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { argsSchema: { resourceUri: z.string() } },
    async ({ resourceUri }) => prompt(embedded(resourceUri), text('Please process the embedded resource above.'))
  )
  server.registerPrompt('test_prompt_with_image', {}, async () =>
    prompt(image, text('Please analyze the image above.'))
  )
  server.server.setRequestHandler(SetLevelRequestSchema, async () => ({}))
  server.server.setRequestHandler(SubscribeRequestSchema, async () => ({}))
  server.server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}))
  return server
}
