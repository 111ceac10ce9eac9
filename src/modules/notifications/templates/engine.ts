/**
 * Words and values become a message. Operators write words too, so words are checked before they are kept, and whatever
 * a value holds (Liquid, markup, line ends, marks that turn the writing round) is shown and never obeyed.
 */
import { fail, ok, type Result } from '../../../platform/result'
import { faultOfHtml } from './html-rules'
import { bodyOf, mailPage } from './layout'
import { type LiquidParts, loadLiquid, MissingVariable, type Parsed, type Settings, TemplateFault } from './liquid'
import { cleaned, paragraphsOf, plain, plainParagraph } from './marks'
import { phrases } from './phrases'
import { type Language, LONGEST_SOURCE, type Rendered, type TemplateFacts, type Words } from './template'

export interface RenderOptions {
  data: Readonly<Record<string, unknown>>
  language: Language
  /** Of the person, by its IANA name; a template may name another for a moment of its own. */
  timeZone: string
  /** Whom to greet; nobody by name if it is not given. */
  name?: string | undefined
  facts: Pick<TemplateFacts, 'secret'>
  /** Where messages of this kind are ended; shown at the foot of the mail. */
  unsubscribeUrl?: string | undefined
}

type Part = keyof Words

export interface TemplateEngine {
  /** Whether the words can be used at all, and the names of the values that they need. `onlyPrinted`: no tag may look at these. */
  check(words: Words, onlyPrinted?: readonly string[]): Promise<Result<{ variables: string[] }, 'template_invalid'>>
  render(words: Words, options: RenderOptions): Promise<Result<Rendered, 'template_data_missing' | 'template_failed'>>
}

const LONGEST_SUBJECT = 200
/** Three SMS of 160 characters. */
const LONGEST_SHORT = 480
const LONGEST_NAME = 60
const LONGEST_PREVIEW = 120
const DEEPEST_DATA = 8
/** Given to every template: whose messages these are. */
const OWN_VARIABLE = 'brand'

export function createTemplateEngine({ brand }: { brand: string }): TemplateEngine {
  let loading: Promise<LiquidParts> | undefined
  const liquid = () => (loading ??= loadLiquid())

  async function check(
    words: Words,
    onlyPrinted: readonly string[] = [],
  ): Promise<Result<{ variables: string[] }, 'template_invalid'>> {
    const { parse } = await liquid()
    const variables = new Set<string>()
    for (const [part, source] of partsOf(words)) {
      const fault = caught(() => {
        const parsed = checked(parse, part, source)
        const name = parsed.decidedBy.find((each) => onlyPrinted.includes(each))
        if (name !== undefined) throw new TemplateFault(`a tag looks at "${name}", which may only be printed`)
        for (const each of parsed.variables) variables.add(each)
      })
      if (fault) return fail('template_invalid', `The ${part} cannot be used: ${fault.message}.`)
    }
    variables.delete(OWN_VARIABLE)
    return ok({ variables: [...variables] })
  }

  async function render(words: Words, options: RenderOptions) {
    const liquids = await liquid()
    let made: Rendered | undefined
    const fault = caught(() => {
      made = rendered(liquids, words, options)
    })
    if (made) return ok(made)
    if (fault instanceof MissingVariable) {
      return fail('template_data_missing', `The template needs "${fault.variable}".`, { variable: fault.variable })
    }
    return fail('template_failed', `The template failed: ${fault?.message ?? 'it made nothing'}.`)
  }

  function rendered({ parse, run }: LiquidParts, words: Words, options: RenderOptions): Rendered {
    const { language, timeZone, facts, unsubscribeUrl } = options
    const data = copied({ ...options.data, [OWN_VARIABLE]: brand }, DEEPEST_DATA) as object
    const print = (part: Part, source: string, mode: Settings['mode']) =>
      run(checked(parse, part, source), data, { mode, language, timeZone })

    const subject = cut(oneLine(plain(print('subject', words.subject, 'text'))), LONGEST_SUBJECT)
    if (subject === '') throw new TemplateFault('its subject came out empty')
    const short = words.short === undefined ? subject : oneLine(plain(print('short', words.short, 'text')))
    const paragraphs = paragraphsOf(print('text', words.text, 'text'))
    const greeting = greetingFor(language, options.name)
    const body = words.html === undefined ? bodyOf(paragraphs, language) : htmlOf(print('html', words.html, 'html'))
    const readable = paragraphs.map(plainParagraph)
    const foot = unsubscribeUrl === undefined ? [] : [`${phrases[language].unsubscribe}: ${unsubscribeUrl}`]
    return {
      subject,
      short: cut(short, LONGEST_SHORT),
      text: [greeting, ...readable, brand, ...foot].join('\n\n'),
      html: mailPage({
        language,
        brand,
        subject,
        // The heading of a message with a secret would stand on every screen that shows a list of mails.
        heading: facts.secret || readable.includes(subject) ? undefined : subject,
        preview: facts.secret ? phrases[language].secretPreview : cut(oneLine(readable.join(' ')), LONGEST_PREVIEW),
        greeting,
        body,
        unsubscribeUrl,
      }),
    }
  }

  return { check, render }
}

const partsOf = ({ subject, text, short, html }: Words): [Part, string][] => [
  ['subject', subject],
  ['text', text],
  ...(short === undefined ? [] : [['short', short] satisfies [Part, string]]),
  ...(html === undefined ? [] : [['html', html] satisfies [Part, string]]),
]

function checked(parse: LiquidParts['parse'], part: Part, source: string): Parsed {
  const longest = LONGEST_SOURCE[part]
  if (source.length > longest) throw new TemplateFault(`it is longer than ${longest} characters`)
  const parsed = parse(cleaned(source))
  if (part !== 'html' && parsed.outline.trim() === '') throw new TemplateFault('it is empty')
  if (parsed.fixed) refuseLongText(part, parsed.outline)
  const fault = part === 'html' ? faultOfHtml(parsed.outline) : undefined
  if (fault !== undefined) throw new TemplateFault(fault)
  return parsed
}

/** Of text without tags it is known how long it comes out. */
function refuseLongText(part: Part, text: string): void {
  const longest = { subject: LONGEST_SUBJECT, short: LONGEST_SHORT, text: Infinity, html: Infinity }[part]
  if (oneLine(text).length > longest) throw new TemplateFault(`it is longer than ${longest} characters`)
}

/** Looked at again with the values in it: an address may have come out of one. */
function htmlOf(html: string): string {
  const fault = faultOfHtml(html)
  if (fault !== undefined) throw new TemplateFault(fault)
  return html
}

/** Plain values only, without prototypes: a template can reach nothing else through them. */
function copied(value: unknown, levels: number): unknown {
  if (typeof value === 'string') return cleaned(value)
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') return value
  if (typeof value !== 'object' || levels === 0) throw new TemplateFault('its data are not plain values')
  if (Array.isArray(value)) return value.map((item) => copied(item, levels - 1))
  const copy: Record<string, unknown> = Object.create(null)
  for (const [name, member] of Object.entries(value)) copy[name] = copied(member, levels - 1)
  return copy
}

function greetingFor(language: Language, name: string | undefined): string {
  const shown = cut(oneLine(cleaned(name ?? '')), LONGEST_NAME)
  return shown === '' ? phrases[language].greeting : phrases[language].greetingTo(shown)
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

/** On a word boundary if there is one in the second half; never through the middle of a character. */
function cut(text: string, longest: number): string {
  if (text.length <= longest) return text
  const room = text.slice(0, longest - '...'.length).replace(/[\uD800-\uDBFF]$/, '')
  const boundary = text[room.length] === ' ' ? room.length : room.lastIndexOf(' ')
  return `${room.slice(0, boundary > longest / 2 ? boundary : room.length).trimEnd()}...`
}

/** What is wrong with the template or its data; anything else is a bug and goes on. */
function caught(work: () => void): TemplateFault | MissingVariable | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof TemplateFault || error instanceof MissingVariable) return error
    throw error
  }
}
