/**
 * The description of an SMS gateway that is not built in: where it is, what it is sent, what its answers mean, and
 * what its receipts look like. An operator writes it as a JSON file, so what is wrong with one is said in words.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { isWebhookSecret } from './signatures'

/** What a value of the body, or a header, may hold; `digits` is the number without its plus sign. */
export const PLACEHOLDER = /\{\{(\w*)\}\}/g

const must = (description: string) => ({ description })
const closed = { additionalProperties: false }
const pointer = Type.String({ pattern: '^(/[^/]*)+$', ...must('a JSON pointer, such as /data/0/id') })
const statuses = Type.Array(Type.Integer({ minimum: 200, maximum: 599, ...must('an HTTP status') }), {
  minItems: 1,
  ...must('a list of HTTP statuses'),
})
const words = Type.Array(Type.String({ minLength: 1, ...must('a word') }), { minItems: 1, ...must('a list of words') })

const descriptionModel = Type.Object(
  {
    provider: Type.String({
      pattern: '^[a-z][a-z0-9-]{0,30}$',
      ...must('a short name of small letters, digits and hyphens'),
    }),
    /** `user:password@` in it is sent as Basic authorization. */
    url: Type.String({ ...must('an http or https address') }),
    method: Type.Optional(Type.Union([Type.Literal('POST'), Type.Literal('PUT')], must('POST or PUT'))),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(must('a text')), must('an object of headers and their values')),
    ),
    contentType: Type.Optional(
      Type.Union(
        [Type.Literal('application/json'), Type.Literal('application/x-www-form-urlencoded')],
        must('application/json or application/x-www-form-urlencoded'),
      ),
    ),
    /** `{to, text}` if nothing is said. */
    body: Type.Optional(Type.Record(Type.String(), Type.Unknown(), must('an object of members and their values'))),
    /** Any 2xx if nothing is said. */
    successStatus: Type.Optional(statuses),
    /** Where the gateway’s id of a message stands in its answer. An answer without it counts as none. */
    idAt: Type.Optional(pointer),
    /** Statuses that are about the message: 400, 413 and 422 if nothing is said. */
    permanentStatus: Type.Optional(statuses),
    /** `whsec_…`: receipts are signed as Standard Webhooks says. */
    receiptsSecret: Type.Optional(Type.String(must('whsec_ and at least 24 bytes in base64'))),
    /** Words are compared without regard to case; a word that is in no list says nothing. */
    receipts: Type.Optional(
      Type.Object(
        {
          idAt: pointer,
          statusAt: pointer,
          reasonAt: Type.Optional(pointer),
          accepted: Type.Optional(words),
          delivered: words,
          read: Type.Optional(words),
          failed: words,
          /** Words that say that there is no such number. */
          invalidRecipient: Type.Optional(words),
        },
        { ...closed, ...must('an object') },
      ),
    ),
    concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, ...must('a number from 1 to 100') })),
  },
  { ...closed, ...must('an object') },
)

export type HttpGatewayDescription = Static<typeof descriptionModel>

/** Reads the text of a description. Throws an `Error` whose message names what is wrong, and holds no secret of it. */
export function parseGatewayDescription(json: string): HttpGatewayDescription {
  const description = read(json)
  const fault =
    faultOfAddress(description.url) ??
    faultOfHeaders(description.headers ?? {}) ??
    faultOfBody(description) ??
    faultOfReceipts(description)
  if (fault !== undefined) throw new Error(`The gateway description: ${fault}`)
  return description
}

function read(json: string): HttpGatewayDescription {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new Error('The gateway description is not JSON.')
  }
  if (!Value.Check(descriptionModel, value)) throw new Error(`The gateway description: ${faultOfShape(value)}`)
  return value
}

function faultOfShape(value: unknown): string {
  const [error] = [...Value.Errors(descriptionModel, value)]
  if (error === undefined || error.path === '') return 'it must be an object.'
  const name = error.path.slice(1).replaceAll('/', '.')
  const schema: TSchema = error.schema
  if (error.message === 'Unexpected property') return `there is no member "${name}".`
  if (error.value === undefined) return `"${name}" is missing.`
  return `"${name}" must be ${schema.description ?? 'something else'}.`
}

function faultOfAddress(address: string): string | undefined {
  try {
    const { protocol, username, password } = new URL(address)
    decodeURIComponent(username + password)
    if (protocol === 'http:' || protocol === 'https:') return undefined
  } catch {
    // Said below: an address that cannot be read is like one of another kind.
  }
  return '"url" must be an http or https address.'
}

/** Number and text stay out of headers, which are logged on the way and cannot hold every letter. */
function faultOfHeaders(headers: Record<string, string>): string | undefined {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return `"${name.slice(0, 40)}" cannot be the name of a header.`
    if (!/^[\x20-\x7e]*$/.test(value)) return `the header "${name}" may hold plain ASCII characters only.`
    const strange = placeholdersIn(value).find((each) => each !== 'id')
    if (strange !== undefined) return `the header "${name}" may hold {{id}} and not {{${strange}}}.`
  }
  return undefined
}

const KNOWN = ['to', 'digits', 'text', 'id']

function faultOfBody({ body, contentType }: HttpGatewayDescription): string | undefined {
  if (body === undefined) return undefined
  const values = Object.entries(body)
  const nested = values.find(([, value]) => typeof value === 'object')
  if (contentType === 'application/x-www-form-urlencoded' && nested) {
    return `"body.${nested[0]}" must be a text, a number or a truth value, because a form has no others.`
  }
  const named = new Set(textsIn(body).flatMap(placeholdersIn))
  const strange = [...named].find((each) => !KNOWN.includes(each))
  if (strange !== undefined) return `"body" holds {{${strange}}}; known are {{to}}, {{digits}}, {{text}} and {{id}}.`
  if (!named.has('text')) return '"body" must hold {{text}} somewhere.'
  if (!named.has('to') && !named.has('digits')) return '"body" must hold {{to}} or {{digits}} somewhere.'
  return undefined
}

/** A receipt that nobody signed is not taken, so the two are of use together only. */
function faultOfReceipts({ receipts, receiptsSecret }: HttpGatewayDescription): string | undefined {
  if (receipts === undefined && receiptsSecret === undefined) return undefined
  if (receipts === undefined) return '"receiptsSecret" is of no use without "receipts".'
  if (receiptsSecret === undefined)
    return '"receipts" need a "receiptsSecret"; receipts that are not signed are not taken.'
  if (!isWebhookSecret(receiptsSecret)) return '"receiptsSecret" must be whsec_ and at least 24 bytes in base64.'
  return undefined
}

const placeholdersIn = (text: string): string[] => [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name)

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}
