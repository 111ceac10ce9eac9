/**
 * What a message says, before anything is filled in. The words are Liquid templates (https://shopify.github.io/liquid):
 * they can print values, choose and repeat, and can run no code. Amounts are printed by `{{ amount | money: currency }}`,
 * moments by `{{ at | moment }}`.
 */
export const languages = ['en', 'pt', 'fr'] as const
export type Language = (typeof languages)[number]

/**
 * `security` ignores opt-outs and quiet hours. Of `money` a person hears in the inbox at least. `news` is whatever the
 * operator makes.
 */
export const categories = ['security', 'money', 'appointments', 'news'] as const
export type Category = (typeof categories)[number]

/** The words of one template in one language. */
export interface Words {
  subject: string
  /** Paragraphs, divided by an empty line. A paragraph that is an address becomes a button or a link in HTML. */
  text: string
  /** For an SMS, a push message and the inbox; the subject if absent. */
  short?: string
  /** The body of the mail, if it shall be another than the one that is made of `text`. */
  html?: string
}

/** Characters of each part. Subject and short are far shorter when filled in; what they choose from is not. */
export const LONGEST_SOURCE: Record<keyof Words, number> = {
  subject: 10_000,
  text: 20_000,
  short: 10_000,
  html: 50_000,
}

/** What is the same of a template in every language. */
export interface TemplateFacts {
  category: Category
  /** Its message holds a secret (a code, a link that lets in): it is shown nowhere but in the message itself. */
  secret?: true
  /** Goes before others when many wait, and falls back at the first failure. */
  urgent?: true
  /**
   * Money leaves, or a place goes to somebody else soon: the person hears of it however much they were told before, and
   * in the night too if it would be over by the morning.
   */
  prompt?: true
  /** For the preview, and to say what an author may use. */
  sample: Readonly<Record<string, unknown>>
}

export interface Rendered {
  subject: string
  text: string
  html: string
  short: string
}
