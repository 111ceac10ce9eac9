/** Templates that operators make beside the built-in ones: made, corrected, and taken away with all that belongs to them. */
import { and, eq, gt, or, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Noted } from '../../identity'
import { deliveries, notifications, ownTemplates, templateVersions } from '../schema'
import { isTemplateName } from '../templates/built-in'
import type { TemplateEngine } from '../templates/engine'
import { soundWords } from '../templates/soundness'
import type { Category, Language, TemplateFacts, Words } from '../templates/template'
import type { Catalogue, TemplateView } from './catalogue'
import type { Routing } from './routing'

/** Kumbu alone says what is about security. */
export type OwnCategory = Exclude<Category, 'security'>

export interface OwnTemplates {
  create(
    template: { name: string; category: OwnCategory; sample: Record<string, unknown> },
    noted: Noted,
  ): Promise<Result<TemplateView, 'template_exists'>>
  /** What is absent stays. The words that hold must be sound with the sample. */
  change(
    name: string,
    changes: { category?: OwnCategory | undefined; sample?: Record<string, unknown> | undefined },
    noted: Noted,
  ): Promise<
    Result<TemplateView, 'template_not_found' | 'template_built_in' | 'template_invalid' | 'template_data_missing'>
  >
  /** With its words in every version, and its route; the name is free again. */
  remove(
    name: string,
    noted: Noted,
  ): Promise<Result<true, 'template_not_found' | 'template_built_in' | 'template_in_use'>>
}

export function createOwnTemplates(
  { store, clock }: Runtime,
  {
    catalogue,
    routing,
    engine,
    timeZone,
  }: { catalogue: Catalogue; routing: Routing; engine: TemplateEngine; timeZone: string },
): OwnTemplates {
  async function soundWith(facts: TemplateFacts, words: Record<string, Words>) {
    for (const [language, each] of Object.entries(words)) {
      const sound = await soundWords(engine, each, { facts, language: language as Language, timeZone })
      if (!sound.ok) return fail(sound.code, `${language}: ${sound.detail}`, sound.members)
    }
    return ok(true)
  }

  return {
    async create({ name, category, sample }, noted) {
      if (isTemplateName(name)) return fail('template_exists')
      const isNew = await store.write(async (tx) => {
        const made = await tx
          .insert(ownTemplates)
          .values({ name, category, sample, createdAt: clock() })
          .onConflictDoNothing()
          .returning({ name: ownTemplates.name })
        if (made.length > 0) await noted(tx, 'template.create', name)
        return made.length > 0
      })
      if (!isNew) return fail('template_exists')
      catalogue.reread()
      return ok({ name, category, builtIn: false, languages: [], sample })
    },

    async change(name, { category, sample }, noted) {
      if (isTemplateName(name)) return fail('template_built_in')
      const found = await catalogue.get(name)
      if (!found.ok) return found
      const { words, ...before } = found.value
      const after = { category: category ?? before.category, sample: sample ?? before.sample }
      const sound = await soundWith(after, words)
      if (!sound.ok) return sound
      const changed = await store.write(async (tx) => {
        const rows = await tx
          .update(ownTemplates)
          .set(after)
          .where(eq(ownTemplates.name, name))
          .returning({ name: ownTemplates.name })
        if (rows.length > 0) await noted(tx, 'template.change', name, { category: after.category })
        return rows.length > 0
      })
      catalogue.reread()
      return changed ? ok({ ...before, ...after }) : fail('template_not_found')
    },

    async remove(name, noted) {
      if (isTemplateName(name)) return fail('template_built_in')
      const removed = await store.write(async (tx): Promise<Result<true, 'template_not_found' | 'template_in_use'>> => {
        if (await isWaitedFor(tx, name, clock())) return fail('template_in_use')
        const gone = await tx
          .delete(ownTemplates)
          .where(eq(ownTemplates.name, name))
          .returning({ name: ownTemplates.name })
        if (gone.length === 0) return fail('template_not_found')
        await tx.delete(templateVersions).where(eq(templateVersions.template, name))
        await routing.forget(tx, name)
        await noted(tx, 'template.delete', name)
        return ok(true)
      })
      catalogue.reread()
      routing.reread()
      return removed
    },
  }
}

/** Whether a message of the template is still to be sent, has a next way to go, or comes into an inbox later. */
async function isWaitedFor(tx: Tx, template: string, now: number): Promise<boolean> {
  const [waiting] = await tx
    .select({ id: deliveries.id })
    .from(deliveries)
    .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
    .where(
      and(
        eq(notifications.template, template),
        // Written out, or the partial indexes are not used.
        or(sql`${deliveries.state} = 'waiting'`, sql`${deliveries.fallbackAt} is not null`),
      ),
    )
    .limit(1)
  if (waiting) return true
  const [coming] = await tx
    .select({ id: notifications.id })
    .from(notifications)
    .where(and(eq(notifications.template, template), sql`${notifications.inApp}`, gt(notifications.dueAt, now)))
    .limit(1)
  return coming !== undefined
}
