/** Whether words may be kept: they can be filled, and a secret in them is there, is seen, and is taken nowhere. */
import { fail, ok, type Result } from '../../../platform/result'
import type { RenderOptions, TemplateEngine } from './engine'
import type { Rendered, TemplateFacts, Words } from './template'

/** What a secret is called among the data of its template. */
const SECRETS = ['code', 'token', 'link'] as const

type Data = Readonly<Record<string, unknown>>

/** Words that cannot be filled from the sample would fail when a person waits for them. */
export async function soundWords(
  engine: TemplateEngine,
  words: Words,
  { facts, ...options }: Pick<RenderOptions, 'language' | 'timeZone'> & { facts: TemplateFacts },
): Promise<Result<true, 'template_invalid' | 'template_data_missing'>> {
  const filled = await filledWords(engine, words, { ...options, facts, data: facts.sample, name: 'Amina' })
  return filled.ok ? ok(true) : filled
}

/** The message that words make of these values, if they are sound with them. */
export async function filledWords(
  engine: TemplateEngine,
  words: Words,
  options: RenderOptions,
): Promise<Result<Rendered, 'template_invalid' | 'template_data_missing'>> {
  const { facts, data } = options
  if (facts.secret && words.html !== undefined)
    return fail('template_invalid', 'A message that holds a secret has no HTML of its own: it could carry it away.')
  const checked = await engine.check(words, facts.secret ? SECRETS : [])
  if (!checked.ok) return checked
  const rendered = asInvalid(await engine.render(words, options))
  if (!rendered.ok || !facts.secret) return rendered
  const kept = keepsSecret(rendered.value, data)
  return kept.ok ? rendered : kept
}

/** Of words that somebody writes or fills, a failure is a fault of theirs. */
export const asInvalid = <Value>(
  made: Result<Value, 'template_data_missing' | 'template_failed'>,
): Result<Value, 'template_data_missing' | 'template_invalid'> =>
  made.ok ? made : fail(made.code === 'template_failed' ? 'template_invalid' : made.code, made.detail, made.members)

/** A secret stands by itself, and a link that lets in is the only link: nothing else can take it along. */
export function keepsSecret({ subject, text, short }: Rendered, data: Data): Result<true, 'template_invalid'> {
  const secrets = SECRETS.map((name) => data[name]).filter((value) => typeof value === 'string')
  for (const part of [subject, text, short]) {
    const addresses = part.match(/[a-z][a-z0-9+.-]*:\/\/\S+/gi) ?? []
    if (addresses.some((address) => !secrets.includes(address)))
      return fail('template_invalid', 'A message that holds a secret may name no other address.')
    const words = part.split(/\s+/)
    if (secrets.some((secret) => words.some((word) => word.includes(secret) && !standsAlone(word, secret))))
      return fail('template_invalid', 'The secret must stand by itself, between spaces.')
  }
  if (!secrets.every((secret) => text.includes(secret)))
    return fail('template_invalid', 'The text must hold the secret.')
  if (!secrets.every((secret) => short.includes(secret)))
    return fail('template_invalid', 'The short text must hold the secret: an SMS says nothing else.')
  return ok(true)
}

function standsAlone(word: string, secret: string): boolean {
  const at = word.indexOf(secret)
  return /^[*("'«“]*$/.test(word.slice(0, at)) && /^[*)"'»”.,:;!?]*$/.test(word.slice(at + secret.length))
}
