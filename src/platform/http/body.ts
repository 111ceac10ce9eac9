/** Reads a JSON body within its limit, and says clearly what is wrong with one that is none. */
import { httpProblem } from './problem'

/** Nothing that Kumbu is sent is longer than a few hundred bytes. */
export const BODY_LIMIT_BYTES = 64 * 1024

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?(?<charset>[\w-]+)"?\s*)?$/i

export async function readJsonBody(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type') ?? ''
  const match = JSON_TYPE.exec(type)
  if (!match || !/^utf-?8$/i.test(match.groups?.charset ?? 'utf-8')) {
    throw httpProblem(
      'unsupported_media_type',
      type === '' ? undefined : `"${type.slice(0, 80)}" is not application/json in UTF-8.`,
    )
  }
  const text = request.headers.has('content-length') ? await request.text() : await readWithinLimit(request)
  if (text.includes('\uFFFD')) throw httpProblem('malformed_body', 'The body is not valid UTF-8.')
  try {
    return JSON.parse(text)
  } catch {
    throw httpProblem('malformed_body')
  }
}

export function refuseTooLarge(request: Request): void {
  const length = Number(request.headers.get('content-length') ?? 0)
  if (length > BODY_LIMIT_BYTES) throw tooLarge()
}

const tooLarge = () => httpProblem('body_too_large', `The body may have ${BODY_LIMIT_BYTES} bytes at the most.`)

/** A body whose length was not announced is counted as it comes. */
async function readWithinLimit(request: Request): Promise<string> {
  if (!request.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > BODY_LIMIT_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
