/**
 * The templates there are, and the words that hold now: an operator's newest version if there is one, else the built-in
 * ones; in the language that was asked for, else in the instance's, else in English.
 */
import { and, desc, eq, lt, max } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Noted } from '../../identity'
import { ownTemplates, templateVersions } from '../schema'
import { factsOf as builtInFacts, builtInWords, isTemplateName, templateNames } from '../templates/built-in'
import type { TemplateEngine } from '../templates/engine'
import { filledWords, soundWords } from '../templates/soundness'
import {
  type Category,
  type Language,
  languages,
  type Rendered,
  type TemplateFacts,
  type Words,
} from '../templates/template'

export interface TemplateView {
  name: string
  category: Category
  builtIn: boolean
  languages: Language[]
  sample: Record<string, unknown>
}

export interface VersionView {
  version: number
  language: Language
  /** Absent: from here on the built-in words hold again. */
  words: Words | null
  author: string
  createdAt: string
}

export interface PreviewInput {
  template: string
  language: Language
  /** Words that are not saved; absent: those that hold now. */
  words?: Words | undefined
  /** Absent: the template’s sample. */
  data?: Record<string, unknown> | undefined
  name?: string | undefined
}

type PreviewCode = 'template_not_found' | 'template_invalid' | 'template_data_missing'

export interface Catalogue {
  /** What a message would say. */
  preview(input: PreviewInput, timeZone: string): Promise<Result<Rendered & { language: Language }, PreviewCode>>
  /** Nothing if there is no such template. */
  factsOf(template: string): Promise<TemplateFacts | undefined>
  wordsOf(template: string, language: Language): Promise<{ words: Words; language: Language } | undefined>
  list(): Promise<TemplateView[]>
  get(template: string): Promise<Result<TemplateView & { words: Record<string, Words> }, 'template_not_found'>>
  /** The newest first; those before the version `before`, if it is given. */
  versions(
    template: string,
    language: Language,
    page: { limit: number; before?: number | undefined },
  ): Promise<Result<VersionView[], 'template_not_found'>>
  /** The newest version from now on. `words` absent: back to the built-in ones, or in this language to none. */
  save(
    template: string,
    language: Language,
    words: Words | undefined,
    author: string,
    noted: Noted,
  ): Promise<Result<VersionView, SaveCode>>
  /** The words of a version before hold again, as the newest. */
  restore(
    template: string,
    language: Language,
    version: number,
    author: string,
    noted: Noted,
  ): Promise<Result<VersionView, SaveCode | 'version_not_found'>>
  /** What was saved past the catalogue holds from now on. */
  reread(): void
}

type SaveCode = 'template_not_found' | 'template_invalid' | 'template_data_missing' | 'template_wordless'

/** What another copy has saved is seen after this. */
const REMEMBERED_MS = 10_000

interface Known {
  own: Map<string, TemplateFacts>
  words: Map<string, Words>
}

const keyOf = (template: string, language: string) => `${template} ${language}`

const ofWords = (template: string, language: Language) =>
  and(eq(templateVersions.template, template), eq(templateVersions.language, language))

export function createCatalogue(
  { store, clock }: Runtime,
  { engine, language: instanceLanguage, timeZone }: { engine: TemplateEngine; language: Language; timeZone: string },
): Catalogue {
  let known: Known = { own: new Map(), words: new Map() }
  let readAt = Number.NEGATIVE_INFINITY

  async function current(): Promise<Known> {
    if (Math.abs(clock() - readAt) < REMEMBERED_MS) return known
    const [made, versions] = [await store.read.select().from(ownTemplates), await newestVersions(store.read)]
    known = {
      own: new Map(made.map(({ name, category, sample }) => [name, { category, sample } as TemplateFacts])),
      words: new Map(),
    }
    for (const { template, language, words } of versions)
      if (words !== null) known.words.set(keyOf(template, language), words as Words)
    readAt = clock()
    return known
  }

  /** Of each template and language the newest; those before are history. */
  function newestVersions(db: Db) {
    const { template, language, version, words } = templateVersions
    const newest = db
      .select({ template, language, newest: max(version).as('newest') })
      .from(templateVersions)
      .groupBy(template, language)
      .as('newest_versions')
    return db
      .select({ template, language, words })
      .from(templateVersions)
      .innerJoin(newest, and(eq(newest.template, template), eq(newest.language, language), eq(newest.newest, version)))
  }

  async function exactWords(template: string, language: Language): Promise<Words | undefined> {
    return (
      (await current()).words.get(keyOf(template, language)) ??
      (isTemplateName(template) ? builtInWords(template, language) : undefined)
    )
  }

  const factsOf = async (template: string): Promise<TemplateFacts | undefined> =>
    isTemplateName(template) ? builtInFacts(template) : (await current()).own.get(template)

  async function view(name: string, { category, sample }: TemplateFacts): Promise<TemplateView> {
    const written: Language[] = []
    for (const language of languages) if (await exactWords(name, language)) written.push(language)
    return { name, category, builtIn: isTemplateName(name), languages: written, sample: { ...sample } }
  }

  async function wordsOf(template: string, asked: Language) {
    for (const language of new Set([asked, instanceLanguage, ...languages])) {
      const words = await exactWords(template, language)
      if (words) return { words, language }
    }
    return undefined
  }

  const reread = (): void => {
    readAt = Number.NEGATIVE_INFINITY
  }

  async function save(
    template: string,
    language: Language,
    words: Words | undefined,
    author: string,
    noted: Noted,
  ): Promise<Result<VersionView, SaveCode>> {
    const facts = await factsOf(template)
    if (!facts) return fail('template_not_found')
    const sound = words === undefined ? ok(true) : await soundWords(engine, words, { facts, language, timeZone })
    if (!sound.ok) return sound
    const saved = await store.write(async (tx): Promise<Result<VersionView, SaveCode>> => {
      if (!(await isThere(tx, template))) return fail('template_not_found')
      if (words === undefined && !(await hasOtherWords(tx, template, language))) return fail('template_wordless')
      const [newest] = await tx
        .select({ version: templateVersions.version })
        .from(templateVersions)
        .where(ofWords(template, language))
        .orderBy(desc(templateVersions.version))
        .limit(1)
      const version = (newest?.version ?? 0) + 1
      const row = { template, language, version, words: words ?? null, author, createdAt: clock() }
      await tx.insert(templateVersions).values(row)
      const action = words === undefined ? 'template.reset' : 'template.save'
      await noted(tx, action, `${template} ${language} ${version}`)
      return ok(versionView(row))
    })
    reread()
    return saved
  }

  async function isThere(tx: Tx, template: string): Promise<boolean> {
    if (isTemplateName(template)) return true
    const rows = await tx.select({ name: ownTemplates.name }).from(ownTemplates).where(eq(ownTemplates.name, template))
    return rows.length > 0
  }

  /** A built-in template always has some. */
  async function hasOtherWords(tx: Tx, template: string, language: Language): Promise<boolean> {
    if (isTemplateName(template)) return true
    const rows = await newestVersions(tx).where(eq(templateVersions.template, template))
    return rows.some((row) => row.language !== language && row.words !== null)
  }

  return {
    factsOf,
    wordsOf,

    async preview({ template, language: asked, words, data, name }, zone) {
      const facts = await factsOf(template)
      const found = words ? { words, language: asked } : await wordsOf(template, asked)
      if (!facts || !found) return fail('template_not_found')
      const { language } = found
      const options = { data: data ?? facts.sample, language, timeZone: zone, name, facts }
      const filled = await filledWords(engine, found.words, options)
      return filled.ok ? ok({ language, ...filled.value }) : filled
    },

    async list() {
      const own = [...(await current()).own]
      const all = [...templateNames.map((name) => [name, builtInFacts(name)] as const), ...own]
      return Promise.all(all.map(([name, facts]) => view(name, facts)))
    },

    async get(template) {
      const facts = await factsOf(template)
      if (!facts) return fail('template_not_found')
      const words: Record<string, Words> = {}
      for (const language of languages) {
        const found = await exactWords(template, language)
        if (found) words[language] = found
      }
      return ok({ ...(await view(template, facts)), words })
    },

    async versions(template, language, { limit, before }) {
      if (!(await factsOf(template))) return fail('template_not_found')
      const rows = await store.read
        .select()
        .from(templateVersions)
        .where(
          and(ofWords(template, language), before === undefined ? undefined : lt(templateVersions.version, before)),
        )
        .orderBy(desc(templateVersions.version))
        .limit(limit)
      return ok(rows.map(versionView))
    },

    save,

    async restore(template, language, version, author, noted) {
      if (!(await factsOf(template))) return fail('template_not_found')
      const [row] = await store.read
        .select()
        .from(templateVersions)
        .where(and(ofWords(template, language), eq(templateVersions.version, version)))
      return row
        ? save(template, language, (row.words as Words | null) ?? undefined, author, noted)
        : fail('version_not_found')
    },

    reread,
  }
}

function versionView(row: typeof templateVersions.$inferSelect): VersionView {
  return {
    version: row.version,
    language: row.language as Language,
    words: row.words as Words | null,
    author: row.author,
    createdAt: iso(row.createdAt),
  }
}
