/** Reads a body within its limit, JSON or a form, and says clearly what is wrong with one that is none. */
import { httpProblem } from './problem'

/** Nothing that Kumbu is sent is longer than a few hundred bytes, */
export const BODY_LIMIT_BYTES = 64 * 1024
/** but the words of a template, up to 90,000 characters of up to three bytes, */
const LONG_BODY_LIMIT_BYTES = 384 * 1024
/** and what providers send of many messages at a time (Meta names 3 MB). */
const BULK_BODY_LIMIT_BYTES = 3 * 1024 * 1024

const DEPTH_LIMIT = 32

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?(?<charset>[\w-]+)"?\s*)?$/i

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i

/**
 * How an address takes its body: `signed` is text as it came, because a signature was made over it; `any` is not looked
 * at, because all that counts stands in the address (RFC 8058, section 3.2, lets mail programs choose).
 */
export type BodyForm = 'json' | 'long_json' | 'form' | 'any' | 'signed' | 'signed_bulk'

const LIMITS: Readonly<Partial<Record<BodyForm, number>>> = {
  long_json: LONG_BODY_LIMIT_BYTES,
  signed_bulk: BULK_BODY_LIMIT_BYTES,
}

export const limitFor = (form: BodyForm): number => LIMITS[form] ?? BODY_LIMIT_BYTES

export async function readBody(request: Request, form: BodyForm): Promise<unknown> {
  if (form === 'any' || form === 'signed' || form === 'signed_bulk') return readText(request, limitFor(form))
  if (form === 'json' || form === 'long_json') return readJsonBody(request, limitFor(form))
  const type = request.headers.get('content-type') ?? ''
  if (type === '' && isEmpty(request)) return undefined
  if (!FORM_TYPE.test(type))
    throw httpProblem('unsupported_media_type', 'Send a form: application/x-www-form-urlencoded.')
  return parseForm(await readText(request, BODY_LIMIT_BYTES))
}

async function readJsonBody(request: Request, limit: number): Promise<unknown> {
  const type = request.headers.get('content-type') ?? ''
  if (type === '' && isEmpty(request)) return undefined
  const match = JSON_TYPE.exec(type)
  if (!match || !/^utf-?8$/i.test(match.groups?.charset ?? 'utf-8')) {
    throw httpProblem(
      'unsupported_media_type',
      type === '' ? undefined : `"${type.slice(0, 80)}" is not application/json in UTF-8.`,
    )
  }
  const value = parse(await readText(request, limit))
  if (deeperThan(value, DEPTH_LIMIT))
    throw httpProblem('malformed_body', `The body is nested deeper than ${DEPTH_LIMIT} levels.`)
  return value
}

async function readText(request: Request, limit: number): Promise<string> {
  const text = request.headers.has('content-length') ? await request.text() : await readWithinLimit(request, limit)
  if (text.includes('\uFFFD')) throw httpProblem('malformed_body', 'The body is not valid UTF-8.')
  return text
}

/** A member that comes twice says two things (RFC 6749, section 3.2). One without a value was left out. */
function parseForm(text: string): Record<string, string> {
  const members: Record<string, string> = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in members) throw httpProblem('malformed_body', `"${name.slice(0, 40)}" comes twice.`)
    if (value !== '') members[name] = value
  }
  return { ...members }
}

function isEmpty(request: Request): boolean {
  return request.body === null || request.headers.get('content-length') === '0'
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw httpProblem('malformed_body')
  }
}

/** Whoever looks at a value step by step pays for its depth; nothing that Kumbu is sent has more than a few levels. */
function deeperThan(value: unknown, limit: number): boolean {
  if (value === null || typeof value !== 'object') return false
  if (limit === 0) return true
  return Object.values(value).some((member) => deeperThan(member, limit - 1))
}

export function refuseTooLarge(request: Request, limit: number): void {
  const length = Number(request.headers.get('content-length') ?? 0)
  if (length > limit) throw tooLarge(limit)
}

const tooLarge = (limit: number) => httpProblem('body_too_large', `The body may have ${limit} bytes at the most.`)

/** A body whose length was not announced is counted as it comes. */
async function readWithinLimit(request: Request, limit: number): Promise<string> {
  if (!request.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
