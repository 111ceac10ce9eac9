/**
 * The WhatsApp template that stands for one of ours. Outside of a conversation that the person began, WhatsApp sends
 * nothing but templates that Meta has approved (Meta, "WhatsApp Business Platform: Message templates"), so an operator
 * registers one for each of ours that shall travel this way: named `kumbu_` and our name, in `en`, `pt_PT` and `fr`.
 *
 * An ordinary one is of the category Utility (Marketing for news), and its body is `{{1}}`, between whatever fixed words
 * Meta asks for: it is filled with the short text. `kumbu_code` and `kumbu_withdrawal_code` are of the category
 * Authentication with the button "Copy code": Meta fixes their words, and body and button are given the code alone.
 */
import type { ApprovedTemplate } from '../channels/channel'
import type { Language, Rendered } from './template'

const META_LANGUAGES: Record<Language, string> = { en: 'en', pt: 'pt_PT', fr: 'fr' }

/** The member of the data that an authentication template copies. */
const CODES: Readonly<Record<string, string>> = { code: 'code', withdrawal_code: 'token' }

/** "Copy code" takes no more (Meta, "Authentication templates"). */
const LONGEST_CODE = 15

export function approvedTemplateOf(
  template: string,
  language: Language,
  { short }: Pick<Rendered, 'short'>,
  data: Readonly<Record<string, unknown>>,
): ApprovedTemplate {
  const named = { name: `kumbu_${metaName(template)}`, language: META_LANGUAGES[language] }
  const member = Object.hasOwn(CODES, template) ? CODES[template] : undefined
  const code = member === undefined ? undefined : data[member]
  if (typeof code !== 'string' || code.length > LONGEST_CODE) return { ...named, parameters: [short] }
  return { ...named, parameters: [code], button: code }
}

/** Meta's names are lower-case letters, digits and underscores. */
const metaName = (template: string) => template.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')
