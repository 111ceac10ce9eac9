/** What messages say and which ways they take, for operators. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import { decodeCursor, limitOf, pageFrom } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import { fail, ok } from '../../../platform/result'
import { notedBy } from '../../identity'
import { notificationFailures } from '../failures'
import {
  changeTemplateBody,
  createTemplateBody,
  newTemplateModel,
  previewBody,
  previewModel,
  routeBody,
  routeModel,
  templateModel,
  templateParams,
  templatesModel,
  versionModel,
  versionParams,
  versionsModel,
  versionsQuery,
  wordsBody,
  wordsParams,
} from '../model/templates'
import type { Notifications } from '../service'
import { type NotificationHands, OPERATOR_TAG as TAG } from './hands'

/** A version, by which the list of them goes. */
const VERSION_POSITION = /^[1-9]\d{0,8}$/

export function templateRoutes(
  { catalogue, ownTemplates, routing, preferences }: Notifications,
  { words: { route }, identity }: NotificationHands,
) {
  const noted = notedBy(identity)

  async function known(template: string) {
    const facts = await catalogue.factsOf(template)
    return unwrap(facts ? ok(facts) : fail('template_not_found'), notificationFailures)
  }

  return new Elysia({ name: 'notifications-templates', normalize: false })
    .get('/notifications/templates', async () => ({ items: await catalogue.list() }), {
      ...route({ scopes: ['notifications:read'], tag: TAG, summary: 'All templates' }),
      response: { 200: templatesModel },
    })
    .post(
      '/notifications/templates',
      async ({ body, request, set }) => {
        const { name, category = 'news', sample = {} } = body
        const made = unwrap(await ownTemplates.create({ name, category, sample }, noted(request)), notificationFailures)
        set.status = 201
        return made
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Make a template of your own',
          description: 'It has no words yet: save them for each language.',
        }),
        body: createTemplateBody,
        response: { 201: newTemplateModel, ...problems(notificationFailures, 'template_exists') },
      },
    )
    .post(
      '/notifications/templates/preview',
      async ({ body, request }) => {
        const { timeZone, language } = await preferences.of(principalOf(request).userId)
        const asked = { ...body, language: body.language ?? language }
        return unwrap(await catalogue.preview(asked, timeZone), notificationFailures)
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'See what a template would say',
          description:
            'With the words that hold now, or with some that are not saved; with its sample, or other values.',
        }),
        body: previewBody,
        response: {
          200: previewModel,
          ...problems(notificationFailures, 'template_not_found', 'template_invalid', 'template_data_missing'),
        },
      },
    )
    .get(
      '/notifications/templates/:template',
      async ({ params }) => unwrap(await catalogue.get(params.template), notificationFailures),
      {
        ...route({ scopes: ['notifications:read'], tag: TAG, summary: 'One template, with its words' }),
        params: templateParams,
        response: { 200: templateModel, ...problems(notificationFailures, 'template_not_found') },
      },
    )
    .patch(
      '/notifications/templates/:template',
      async ({ params: { template }, body, request }) =>
        unwrap(await ownTemplates.change(template, body, noted(request)), notificationFailures),
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Correct a template of your own: its sort, its sample',
          description:
            'What is left out stays. The words that hold must print nothing that the new sample does not have.',
        }),
        params: templateParams,
        body: changeTemplateBody,
        response: {
          200: newTemplateModel,
          ...problems(
            notificationFailures,
            'template_not_found',
            'template_built_in',
            'template_invalid',
            'template_data_missing',
          ),
        },
      },
    )
    .delete(
      '/notifications/templates/:template',
      async ({ params: { template }, request, set }) => {
        unwrap(await ownTemplates.remove(template, noted(request)), notificationFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Remove a template of your own',
          description:
            'Its words in every version and its ways go with it, and its name is free again. It stays while messages of it wait. In an inbox what was said by it is shown by its name alone.',
        }),
        params: templateParams,
        response: {
          204: Type.Void(),
          ...problems(notificationFailures, 'template_not_found', 'template_built_in', 'template_in_use'),
        },
      },
    )
    .get(
      '/notifications/templates/:template/words/:language',
      async ({ params: { template, language }, query }) => {
        const limit = limitOf(query)
        const position = decodeCursor(query.cursor, VERSION_POSITION)
        const page = { limit: limit + 1, before: position === undefined ? undefined : Number(position) }
        const rows = unwrap(await catalogue.versions(template, language, page), notificationFailures)
        return pageFrom(rows, limit, ({ version }) => String(version))
      },
      {
        ...route({
          scopes: ['notifications:read'],
          tag: TAG,
          summary: 'The versions that operators saved, newest first',
        }),
        params: wordsParams,
        query: versionsQuery,
        response: { 200: versionsModel, ...problems(notificationFailures, 'template_not_found') },
      },
    )
    .put(
      '/notifications/templates/:template/words/:language',
      async ({ params: { template, language }, body, request }) => {
        const { userId } = principalOf(request)
        const saved = unwrap(
          await catalogue.save(template, language, body, userId, noted(request)),
          notificationFailures,
        )
        return saved
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Save words',
          description:
            'Liquid templates, which can run no code. They hold at once, in this language; every save is a version. They must print nothing that the sample does not have.',
        }),
        params: wordsParams,
        body: wordsBody,
        response: {
          200: versionModel,
          ...problems(notificationFailures, 'template_not_found', 'template_invalid', 'template_data_missing'),
        },
      },
    )
    .delete(
      '/notifications/templates/:template/words/:language',
      async ({ params: { template, language }, request }) => {
        const { userId } = principalOf(request)
        const saved = unwrap(
          await catalogue.save(template, language, undefined, userId, noted(request)),
          notificationFailures,
        )
        return saved
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Go back to the built-in words',
          description:
            'The versions before stay in the list. A template of your own has no others: it is said in another language then, and keeps the last.',
        }),
        params: wordsParams,
        response: {
          200: versionModel,
          ...problems(notificationFailures, 'template_not_found', 'template_wordless'),
        },
      },
    )
    .post(
      '/notifications/templates/:template/words/:language/versions/:version/restore',
      async ({ params: { template, language, version }, request }) => {
        const { userId } = principalOf(request)
        return unwrap(
          await catalogue.restore(template, language, version, userId, noted(request)),
          notificationFailures,
        )
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Go back to a version before',
          description: 'It becomes the newest version, if it is still sound with the sample.',
        }),
        params: versionParams,
        response: {
          200: versionModel,
          ...problems(
            notificationFailures,
            'template_not_found',
            'version_not_found',
            'template_invalid',
            'template_data_missing',
            'template_wordless',
          ),
        },
      },
    )
    .get(
      '/notifications/templates/:template/route',
      async ({ params: { template } }) => {
        await known(template)
        const { tracks, own } = await routing.describe(template)
        return { template, own, tracks: tracks.map((track) => [...track]) }
      },
      {
        ...route({
          scopes: ['notifications:read'],
          tag: TAG,
          summary: 'The ways that messages of a template take',
          description:
            'Tracks are begun together. Within a track the next step begins when the one before has failed, or has not succeeded after a while.',
        }),
        params: templateParams,
        response: { 200: routeModel, ...problems(notificationFailures, 'template_not_found') },
      },
    )
    .put(
      '/notifications/templates/:template/route',
      async ({ params: { template }, body, request }) => {
        unwrap(await routing.set(template, body.tracks, noted(request)), notificationFailures)
        return { template, own: true, tracks: body.tracks }
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Choose the ways',
          description:
            'Each channel is named once. What is about security needs e-mail, SMS or WhatsApp among its ways; what holds a secret takes no other, and a code that proves an address still goes to that address and nowhere else. `delivered` is waited for only where a provider brings receipts.',
        }),
        params: templateParams,
        body: routeBody,
        response: {
          200: routeModel,
          ...problems(notificationFailures, 'template_not_found', 'route_unsafe', 'route_invalid'),
        },
      },
    )
    .delete(
      '/notifications/templates/:template/route',
      async ({ params: { template }, request }) => {
        unwrap(await routing.set(template, undefined, noted(request)), notificationFailures)
        const { tracks, own } = await routing.describe(template)
        return { template, own, tracks: tracks.map((track) => [...track]) }
      },
      {
        ...route({ scopes: ['notifications:manage'], tag: TAG, summary: 'Go back to the built-in ways' }),
        params: templateParams,
        response: { 200: routeModel, ...problems(notificationFailures, 'template_not_found') },
      },
    )
}
