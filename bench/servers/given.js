/** What the driver gives every measured process: issuer, audience, keys, and what is special to it. */
export const given = JSON.parse(process.argv[2])
