/**
 * Where an OAuth client sends the browser. A request that cannot be trusted to come from the client it names is refused
 * here, on a page; any other answer goes to the client's registered address, and only after the person was asked.
 */
import { Elysia } from 'elysia'
import type { Identity } from '../modules/identity'
import type { OAuth } from '../modules/oauth'
import { escapeHtml, htmlPage } from '../platform/html'
import { contextOf } from '../platform/http/context'
import type { Cookies } from '../platform/http/cookies'
import { consentPage } from './pages'

export function authorizePage(oauth: OAuth, identity: Identity, cookies: Cookies) {
  const { authorization } = oauth

  async function whoever(request: Request) {
    const token = cookies.accessToken(request)
    const principal = token === undefined ? undefined : await identity.authenticate(token)
    if (!principal?.scopes.has('profile:security')) return { user: undefined, sessionId: undefined }
    return { user: await identity.known(principal.userId), sessionId: principal.sessionId }
  }

  return new Elysia({ name: 'authorize-page', normalize: false }).get(
    '/oauth/authorize',
    async ({ request }) => {
      const checked = await authorization.check(new URL(request.url).search)
      if (checked.kind === 'refuse') return refusal(checked.reason)
      if (checked.kind === 'redirect') return redirect(checked.to)
      if (!checked.request.prompts.includes('none')) return consentPage()
      // Nobody is to be asked: either it was all allowed before, or the client is told why not.
      const { user, sessionId } = await whoever(request)
      const error = await authorization.silent(checked.request, user, sessionId)
      if (error !== undefined || !user || sessionId === undefined) return redirect(error ?? '/')
      const { address } = contextOf(request)
      const decided = await authorization.decide(checked.request, user, sessionId, true, address)
      return decided.ok ? redirect(decided.value) : refusal('Sign in again.')
    },
    { detail: { hide: true } },
  )
}

const redirect = (to: string) => new Response(null, { status: 302, headers: { location: to } })

function refusal(reason: string): Response {
  const page = htmlPage('Not possible', `<h1>This request cannot be answered</h1><p>${escapeHtml(reason)}</p>`)
  return new Response(page.body, { status: 400, headers: page.headers })
}
