/** Addresses for those who do not sign in: providers with receipts, and whoever follows the link at a mail's foot. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf } from '../../../platform/http/context'
import { problems, unwrap } from '../../../platform/http/problem'
import { type RateLimiter, takeOrRefuse } from '../../../platform/http/rate-limit'
import type { RouteWords } from '../../../platform/http/route'
import { fail } from '../../../platform/result'
import { notificationFailures } from '../failures'
import type { Notifications } from '../service'
import type { UnsubscribeLink } from '../service/unsubscribe'
import { confirmPage, donePage, invalidPage } from '../unsubscribe-page'

/** What comes in here is signed as it is written, so it is read as text. */
export const RECEIPTS_PATH = '/receipts/'
export const UNSUBSCRIBE_PATH = '/unsubscribe'

const text = (max: number) => Type.Optional(Type.String({ maxLength: max }))
const linkQuery = Type.Object({ u: text(60), c: text(30), s: text(100) })
const receiptAnswer = Type.Unknown({ description: 'What the provider wants to hear; mostly nothing.', examples: [''] })
const page = Type.Unknown({
  description: '`text/html`; with status 400 if the link is not one of ours.',
  examples: ['<!doctype html>…'],
})
const providerParams = Type.Object({ provider: Type.String({ pattern: '^[a-z0-9-]{1,40}$' }) })

export function outsideRoutes(
  { receipts, unsubscribing }: Notifications,
  { route }: RouteWords,
  { baseUrl, limiter }: { baseUrl: () => string; limiter: RateLimiter | undefined },
) {
  async function take(provider: string, request: Request, body: unknown): Promise<Response> {
    const { pathname, search } = new URL(request.url)
    const read = await receipts.take(provider, {
      method: request.method,
      url: `${baseUrl()}${pathname}${search}`,
      headers: request.headers,
      body: typeof body === 'string' ? body : '',
    })
    // Who is no provider is a stranger like others.
    if (!read.ok && limiter) countForgery(limiter, request)
    const answered = unwrap(read, notificationFailures)
    return new Response(answered ?? '', {
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
  }

  const linkOf = ({ u = '', c = '', s = '' }: Partial<UnsubscribeLink>): UnsubscribeLink => ({ u, c, s })

  const statement = {
    scopes: 'public' as const,
    tag: 'Providers',
    answers: 'text/plain',
    description: 'Believed if the provider’s own signature holds.',
  }
  const refusals = problems(notificationFailures, 'receipt_malformed', 'receipt_forged', 'provider_unknown')

  return new Elysia({ name: 'notifications-outside', normalize: false })
    .post(`${RECEIPTS_PATH}:provider`, ({ params, request, body }) => take(params.provider, request, body), {
      ...route({ ...statement, summary: 'Delivery receipts of a provider' }),
      params: providerParams,
      response: { 200: receiptAnswer, ...refusals },
    })
    .get(`${RECEIPTS_PATH}:provider`, ({ params, request }) => take(params.provider, request, ''), {
      ...route({ ...statement, summary: 'A provider asks whether the address is ours' }),
      params: providerParams,
      response: { 200: receiptAnswer, ...refusals },
    })
    .get(
      UNSUBSCRIBE_PATH,
      async ({ query }) => {
        const link = await unsubscribing.read(linkOf(query))
        if (!link.ok) return invalidPage(unsubscribing.language)
        return confirmPage(link.value, `${UNSUBSCRIBE_PATH}?${new URLSearchParams({ ...linkOf(query) })}`)
      },
      {
        ...route({
          scopes: 'public',
          tag: 'Providers',
          answers: 'text/html',
          summary: 'The page of the link at a mail’s foot',
          description: 'It asks once more, because programs that look at mails follow links by themselves.',
        }),
        query: linkQuery,
        response: { 200: page, 400: page },
      },
    )
    .post(
      UNSUBSCRIBE_PATH,
      async ({ query }) => {
        const followed = await unsubscribing.follow(linkOf(query))
        return followed.ok ? donePage(followed.value) : invalidPage(unsubscribing.language)
      },
      {
        ...route({
          scopes: 'public',
          tag: 'Providers',
          answers: 'text/html',
          summary: 'One click, and no more mails of this sort (RFC 8058)',
          form: true,
        }),
        query: linkQuery,
        response: { 200: page, 400: page },
      },
    )
}

/** Who forges, or brings what nobody here can read, is refused before anything is read. */
export function receiptGate({ providers }: Notifications, limiter: RateLimiter | undefined) {
  return (request: Request): void => {
    const { path, address } = contextOf(request)
    const provider = providers.get(path.slice(RECEIPTS_PATH.length))
    if (!provider?.channel.receipts) unwrap(fail('provider_unknown'), notificationFailures)
    if (limiter?.isSpent(forgerKey(address), FORGERIES_A_MINUTE)) countForgery(limiter, request)
  }
}

const FORGERIES_A_MINUTE = 30
const forgerKey = (address: string) => `receipt ${address}`

function countForgery(limiter: RateLimiter, request: Request): void {
  const { address, answerHeaders } = contextOf(request)
  takeOrRefuse(limiter, forgerKey(address), FORGERIES_A_MINUTE, answerHeaders)
}
