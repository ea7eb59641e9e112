export interface Message {
  readonly to: string
  readonly subject: string
  /** Plain text. A link is a line of its own, so that no mail program breaks it. */
  readonly text: string
}

/** Sends mails: by SMTP, to the log, or in your application by the API of a provider. */
export interface Mailer {
  /** Rejects if the mail was not accepted; the outbox then tries again. */
  send(message: Message): Promise<void>
  close(): Promise<void>
}
