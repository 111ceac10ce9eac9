/** Reads a mail: enough of RFC 5322 and RFC 2045 for what Kumbu writes. */
export interface Part {
  headers: Map<string, string[]>
  /** Without its parameters. */
  contentType: string
  content: string
}

export interface MailText {
  headers: Map<string, string[]>
  text: string
  html: string
  /** The leaves of all multiparts, in their order. */
  parts: Part[]
}

export function parseMail(raw: string): MailText {
  const parts = leavesOf(raw)
  const contentOf = (type: string) => parts.find(({ contentType }) => contentType === type)?.content ?? ''
  return { headers: headersOf(raw), text: contentOf('text/plain'), html: contentOf('text/html'), parts }
}

function leavesOf(raw: string): Part[] {
  const headers = headersOf(raw)
  const type = headers.get('content-type')?.[0] ?? 'text/plain'
  const boundary = /boundary="?([^";]+)"?/.exec(type)?.[1]
  if (boundary === undefined) {
    return [{ headers, contentType: type.split(';')[0]?.trim().toLowerCase() ?? '', content: decoded(raw, headers) }]
  }
  const inner = raw.split(new RegExp(`(?:^|\r\n)--${boundary.replaceAll(/[^\w]/g, '\\$&')}(?:--)?\r\n`)).slice(1, -1)
  return inner.flatMap((each) => leavesOf(each))
}

function headersOf(message: string): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  const [head = ''] = message.split('\r\n\r\n')
  for (const line of head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  return headers
}

function decoded(part: string, headers: Map<string, string[]>): string {
  const body = part.slice(part.indexOf('\r\n\r\n') + 4)
  const encoding = headers.get('content-transfer-encoding')?.[0]?.toLowerCase()
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString()
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
