/** The shapes of templates and routes. */
import { Type } from '@sinclair/typebox'
import { t } from 'elysia'
import { answer, body, described, moment, name } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { type Category, categories, LONGEST_SOURCE } from '../templates/template'
import { channel, language, templateData, templateName } from './messages'

const MOST_VERSIONS = 999_999_999

const category = Type.Unsafe<Category>(Type.Union(categories.map((name) => Type.Literal(name))))

const source = (part: keyof typeof LONGEST_SOURCE, description?: string) =>
  Type.String({ minLength: 1, maxLength: LONGEST_SOURCE[part], ...(description === undefined ? {} : { description }) })

const words = Type.Object(
  {
    subject: source('subject', 'Of the mail; one line.'),
    text: source('text', 'Paragraphs, divided by an empty line.'),
    short: Type.Optional(source('short', 'For SMS, push and the inbox.')),
    html: Type.Optional(source('html', 'The body of the mail; absent: made of `text`.')),
  },
  { additionalProperties: false, description: 'Liquid templates.' },
)

/** Whatever is kept can be read, also what was kept when more was allowed. */
const keptWords = Type.Object(
  {
    subject: Type.String(),
    text: Type.String({ description: 'Paragraphs, divided by an empty line.' }),
    short: Type.Optional(Type.String({ description: 'For SMS, push and the inbox.' })),
    html: Type.Optional(Type.String({ description: 'The body of the mail; absent: made of `text`.' })),
  },
  { description: 'Liquid templates.' },
)

const wordsExample = { subject: 'Closed on {{ day }}', text: 'We are closed on {{ day }}.\n\nBack soon.' }

const template = {
  name: Type.String(),
  category,
  builtIn: Type.Boolean(),
  languages: Type.Array(language),
  sample: Type.Record(Type.String(), Type.Unknown(), { description: 'Values to preview it with; it may print these.' }),
}
const templateExample = {
  name: 'closing',
  category: 'news',
  builtIn: false,
  languages: ['en'],
  sample: { day: 'Monday' },
}

export const templatesModel = answer({ items: Type.Array(Type.Object(template)) }, { items: [templateExample] })
export const templateModel = answer(
  { ...template, words: Type.Record(Type.String(), keptWords) },
  { ...templateExample, words: { en: wordsExample } },
)
export const newTemplateModel = answer(template, { ...templateExample, languages: [] })
const ownCategories = [Type.Literal('news'), Type.Literal('money'), Type.Literal('appointments')]
const whatItIsAbout = { description: 'What it is about: people mute and gather messages by this.' }
export const createTemplateBody = body(
  {
    name: templateName,
    category: Type.Optional(Type.Union(ownCategories, { default: 'news', ...whatItIsAbout })),
    sample: Type.Optional(templateData),
  },
  { name: 'closing', sample: { day: 'Monday' } },
)
export const changeTemplateBody = body(
  { category: Type.Optional(Type.Union(ownCategories, whatItIsAbout)), sample: Type.Optional(templateData) },
  { sample: { day: 'Monday', until: 'Thursday' } },
)
export const templateParams = Type.Object({ template: templateName })
export const wordsParams = Type.Object({ template: templateName, language })
export const versionParams = Type.Object({
  template: templateName,
  language,
  version: t.Integer({ minimum: 1, maximum: MOST_VERSIONS }),
})
export const wordsBody = Type.Object(words.properties, { additionalProperties: false, examples: [wordsExample] })

const version = {
  version: Type.Integer(),
  language,
  words: Type.Union([keptWords, Type.Null()], { description: 'Null: from here on the built-in words hold again.' }),
  author: Type.String(),
  createdAt: moment,
}
const versionExample = {
  version: 1,
  language: 'en',
  words: wordsExample,
  author: 'usr_01m0z3k8x2f4v5b6n7a9',
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const versionModel = answer(version, versionExample)
export const versionsModel = pageOf(Type.Object(version), [{ items: [versionExample], nextCursor: null }])
export const versionsQuery = Type.Object(pageQuery)

export const previewBody = body(
  {
    template: templateName,
    language: Type.Optional(described(language, 'Absent: the instance’s own.')),
    words: Type.Optional(words),
    data: Type.Optional(templateData),
    name: Type.Optional(described(name, 'Of the person who is spoken to; absent: nobody is named.')),
  },
  { template: 'money_sent', language: 'pt' },
)
export const previewModel = answer(
  { language, subject: Type.String(), text: Type.String(), html: Type.String(), short: Type.String() },
  {
    language: 'en',
    subject: 'You sent USD 15.00',
    text: 'Hello Carla, …',
    html: '<!doctype html>…',
    short: 'You sent …',
  },
)

const step = Type.Object(
  {
    medium: channel,
    afterSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400,
        description: 'When the next step begins if this one has not succeeded.',
      }),
    ),
    success: Type.Optional(
      Type.Union([Type.Literal('accepted'), Type.Literal('delivered')], {
        description: 'Whether a provider’s yes is enough, or its receipt is waited for.',
      }),
    ),
  },
  { additionalProperties: false },
)
const tracks = Type.Array(Type.Array(step, { minItems: 1, maxItems: 6 }), {
  minItems: 1,
  maxItems: 6,
  description:
    'Tracks are begun together; within one the next step is tried when the one before fails or takes too long.',
})
const tracksExample = [
  [{ medium: 'in_app' }],
  [{ medium: 'email', afterSeconds: 30 }, { medium: 'whatsapp' }, { medium: 'sms' }],
]

export const routeModel = answer(
  { template: Type.String(), own: Type.Boolean({ description: 'Whether an operator has set it.' }), tracks },
  { template: 'money_sent', own: true, tracks: tracksExample },
)
export const routeBody = body({ tracks }, { tracks: tracksExample })
