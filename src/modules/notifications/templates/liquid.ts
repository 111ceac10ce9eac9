/**
 * Liquid as operators may use it: words that print values, choose and repeat. Of the library only the tags and filters
 * below are left, nothing reads files, a name that is not given is a fault, and time, rounds and output are bounded, so
 * that no template can hold the process up. The library is loaded at the first use.
 */
import type { Context, Emitter, Liquid, TagToken, Template, TopLevelToken } from 'liquidjs'
import { escapeHtml } from '../../../platform/html'
import { momentIn, momentStyles, moneyIn } from './formats'
import { UNKNOWN_TAG, UNKNOWN_VALUE } from './html-rules'
import { keptLines, markedAmount, markedValue, plain } from './marks'
import type { Language } from './template'

type Library = typeof import('liquidjs')

const TAGS = new Set(['if', 'unless', 'case', 'for', 'comment', 'raw', 'break', 'continue'])
const BLOCKS = new Set(['if', 'unless', 'case', 'for'])
/** Those of the library; `money`, `lines`, `escape` and the moments are ours. */
const FILTERS = new Set(
  'at_least at_most capitalize default downcase first join last minus plus size strip upcase'.split(' '),
)

const DEEPEST = 16
const MOST_TOKENS = 2_000
/** Of one tag. The library reads expressions that stand deep in brackets in more than linear time. */
const LONGEST_TAG = 1_000
const MOST_BRACKETS = 10
const MOST_ROUNDS = 1_000
const MOST_OUTPUT = 200_000
const MOST_MEMORY = 1_000_000
const MOST_RENDER_MS = 500
const KEPT_TEMPLATES = 500

const SETTINGS = 'kumbu.settings'
const ROUNDS = 'kumbu.rounds'

/** How one part is printed. In `html` its values are escaped; in `text` they carry marks for the layout. */
export interface Settings {
  mode: 'text' | 'html'
  language: Language
  timeZone: string
}

export interface Parsed {
  /** The names that it needs, each once. */
  variables: string[]
  /** Those of them that a tag looks at: what the template says may depend on them. */
  decidedBy: string[]
  /** The template with a placeholder for each value and each tag, and whether it has any. */
  outline: string
  fixed: boolean
  templates: Template[]
}

/** A template that cannot be used; the message is the end of a sentence. */
export class TemplateFault extends Error {}

/** A value that the template needs and was not given. */
export class MissingVariable extends Error {
  constructor(readonly variable: string) {
    super(`"${variable}" is missing`)
  }
}

export interface LiquidParts {
  /** Throws `TemplateFault`. */
  parse(source: string): Parsed
  /** Throws `TemplateFault` or `MissingVariable`. */
  run(parsed: Parsed, data: object, settings: Settings): string
}

export async function loadLiquid(): Promise<LiquidParts> {
  const library = await import('liquidjs')
  const liquid = restricted(library)
  const kept = new Map<string, Parsed>()

  function parse(source: string): Parsed {
    const known = kept.get(source)
    if (known) return known
    const parsed = asFault(library, () => parseAnew(library, liquid, source))
    if (kept.size >= KEPT_TEMPLATES) kept.clear()
    kept.set(source, parsed)
    return parsed
  }

  function run({ templates }: Parsed, data: object, settings: Settings): string {
    const context = new library.Context(data, liquid.options, { sync: true }, { liquid })
    context.setRegister(SETTINGS, settings)
    const emitter = createEmitter()
    asFault(library, () => library.toValueSync(liquid.renderer.renderTemplates(templates, context, emitter)))
    return emitter.buffer
  }

  return { parse, run }
}

function restricted(library: Library): Liquid {
  const liquid = new library.Liquid({
    strictFilters: true,
    strictVariables: true,
    ownPropertyOnly: true,
    memoryLimit: MOST_MEMORY,
    renderLimit: MOST_RENDER_MS,
    outputEscape: printed,
    // What a template could include comes out of this, and never from a disk.
    templates: {},
    relativeReference: false,
  })
  for (const name of Object.keys(liquid.tags)) if (!TAGS.has(name)) delete liquid.tags[name]
  for (const name of Object.keys(liquid.filters)) if (!FILTERS.has(name)) liquid.unregisterFilter(name)
  liquid.registerTag('for', boundedFor(library))
  liquid.registerFilter('money', function (amount, currency) {
    const { mode, language } = settingsOf(this.context)
    const text = moneyIn(language, amount, currency)
    return mode === 'text' ? markedAmount(text) : text
  })
  for (const style of momentStyles) {
    liquid.registerFilter(style, function (at, timeZone) {
      const settings = settingsOf(this.context)
      return momentIn(style, settings.language, at, timeZone ?? settings.timeZone)
    })
  }
  liquid.registerFilter('lines', (value) => keptLines(asText(value)))
  // Every value is escaped where that is due. The filter is there because hands trained on other engines type it.
  liquid.registerFilter('escape', (value) => value)
  return liquid
}

const settingsOf = (context: Context): Settings => context.getRegister(SETTINGS) as Settings

/** The library calls this as a filter, with the context in `this`. */
function printed(this: { context: Context }, value: unknown): string {
  const { mode } = settingsOf(this.context)
  const text = markedValue(asText(value))
  return mode === 'text' ? text : escapeHtml(plain(text)).replaceAll('\n', '<br>')
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new TemplateFault('it prints a list or a group of values as one')
}

/** A loop that counts its rounds together with all others of the same rendering. */
function boundedFor({ ForTag }: Library) {
  const count = (context: Context) => {
    const rounds = Number(context.getRegister(ROUNDS, 0)) + 1
    if (rounds > MOST_ROUNDS) throw new TemplateFault(`its loops go round more than ${MOST_ROUNDS} times`)
    context.setRegister(ROUNDS, rounds)
  }
  return class extends ForTag {
    constructor(...given: ConstructorParameters<typeof ForTag>) {
      super(...given)
      this.templates.unshift({ token: given[0], render: count })
    }
  }
}

function createEmitter(): Emitter {
  return {
    buffer: '',
    write(text: unknown) {
      this.buffer += asText(text)
      if (this.buffer.length > MOST_OUTPUT) throw new TemplateFault(`it makes more than ${MOST_OUTPUT} characters`)
    },
  }
}

function parseAnew(library: Library, liquid: Liquid, source: string): Parsed {
  const tokens = tokensOf(library, liquid, source)
  if (tokens.length > MOST_TOKENS) throw new TemplateFault('it has too many tags')
  for (const token of tokens) if (token.kind !== library.TokenKind.HTML) refuseLongTag(token.getText())
  const isTag = (token: TopLevelToken): token is TagToken => token.kind === library.TokenKind.Tag
  refuseDepth(tokens.filter(isTag).map(({ name }) => name))
  const outline = outlineOf(library, tokens)
  const templates = new library.Parser(liquid).parseTokens([...tokens])
  const paths = Object.values(library.analyzeSync(templates, { partials: false }).variables).flat()
  for (const path of paths) refuseInnards(String(path))
  const fixed = tokens.every(({ kind }) => kind === library.TokenKind.HTML)
  return {
    variables: liquid.globalVariablesSync(templates),
    decidedBy: decidedBy(library, liquid, source),
    outline,
    fixed,
    templates,
  }
}

/** Read anew: a tag that was parsed cannot be parsed again. */
function decidedBy(library: Library, liquid: Liquid, source: string): string[] {
  const silent = tokensOf(library, liquid, source).filter(({ kind }) => kind !== library.TokenKind.Output)
  return liquid.globalVariablesSync(new library.Parser(liquid).parseTokens(silent))
}

const tokensOf = ({ Tokenizer }: Library, { options }: Liquid, source: string): TopLevelToken[] =>
  new Tokenizer(source, options.operators).readTopLevelTokens(options)

function refuseLongTag(text: string): void {
  if (text.length > LONGEST_TAG) throw new TemplateFault(`a tag is longer than ${LONGEST_TAG} characters`)
  const brackets = text.match(/[[(]/g)?.length ?? 0
  if (brackets > MOST_BRACKETS) throw new TemplateFault(`a tag has more than ${MOST_BRACKETS} brackets`)
}

/** Parsing goes into itself at each level. */
function refuseDepth(names: string[]): void {
  let depth = 0
  for (const name of names) {
    if (BLOCKS.has(name)) depth += 1
    if (name.startsWith('end') && BLOCKS.has(name.slice('end'.length))) depth -= 1
    if (depth > DEEPEST) throw new TemplateFault(`its tags stand more than ${DEEPEST} deep in one another`)
  }
}

/** Nothing would come of it, but an author shall hear of it when the template is kept and not when it is used. */
function refuseInnards(path: string): void {
  if (/__|\b(?:constructor|prototype)\b/.test(path)) throw new TemplateFault(`"${path}" is no name of a value`)
}

function outlineOf(library: Library, tokens: TopLevelToken[]): string {
  let outline = ''
  let inComment = false
  for (const token of tokens) {
    const name = token.kind === library.TokenKind.Tag ? (token as TagToken).name : ''
    if (name === 'comment') inComment = true
    if (name === 'endcomment') inComment = false
    if (inComment) continue
    if (name !== '') outline += UNKNOWN_TAG
    else outline += token.kind === library.TokenKind.Output ? UNKNOWN_VALUE : contentOf(token)
  }
  return outline
}

const contentOf = (token: TopLevelToken) => ('getContent' in token ? token.getContent() : token.getText())

/** The library's own errors, said as the end of a sentence. */
function asFault<Made>({ LiquidError, AssertionError }: Library, work: () => Made): Made {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) throw new TemplateFault('it stands too deep in itself', { cause: error })
    if (!LiquidError.is(error) && !(error instanceof AssertionError)) throw error
    const cause = causeOf(error)
    if (cause instanceof TemplateFault) throw cause
    const missing = /^undefined variable: (.+?)(?:, line:\d+, col:\d+)?$/s.exec(cause.message)
    if (missing !== null) throw new MissingVariable(missing[1] ?? '')
    throw new TemplateFault(sentenceOf(cause.message, error), { cause: error })
  }
}

function causeOf(error: unknown): Error {
  const inner = (error as { originalError?: unknown }).originalError
  return inner instanceof Error ? causeOf(inner) : (error as Error)
}

function sentenceOf(message: string, error: unknown): string {
  const said = message
    .replace(/, line:\d+, col:\d+$/, '')
    .replace(/^undefined filter: (.*)$/s, 'the filter "$1" is not allowed')
    .replace(/^tag "(.*)" not found$/s, 'the tag "$1" is not allowed')
  const [line, column] = (error as { token?: { getPosition(): number[] } }).token?.getPosition() ?? []
  const where = line === undefined ? '' : ` (line ${line}, column ${column})`
  const short = said.length > 200 ? `${said.slice(0, 200)}…` : said
  return short.toWellFormed().replaceAll(/\s+/g, ' ') + where
}
