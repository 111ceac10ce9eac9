/** What is let in on one’s behalf, over HTTP: sessions, devices and API keys. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import type { Cookies } from '../../../platform/http/cookies'
import { idOf } from '../../../platform/http/fields'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { identityFailures } from '../failures'
import { apiKeyBody, apiKeyModel, apiKeysModel, devicesModel, sessionsModel } from '../model/access'
import type { Identity } from '../service'
import type { Hands } from './hands'

const TAG = 'Access'
const SECURED = ['profile:security']
const DAY_MS = 86_400_000
const KEY_LIFETIME_DAYS = 90

export function accessRoutes(
  identity: Identity,
  hands: Hands,
  cookies: Cookies,
  now: () => number,
  { route }: RouteWords,
) {
  const { access, apiKeys } = identity
  return new Elysia({ name: 'identity-access', normalize: false })
    .get(
      '/auth/sessions',
      async ({ request }) => {
        const { userId, sessionId } = principalOf(request)
        return { items: await access.sessions(userId, sessionId) }
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Where I am signed in' }),
        response: { 200: sessionsModel },
      },
    )
    .delete(
      '/auth/sessions/:sessionId',
      async ({ params, request, set }) => {
        const { userId } = principalOf(request)
        unwrap(await access.endSession(userId, params.sessionId, hands.addressOf(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Sign out there', description: 'It ends at once.' }),
        params: Type.Object({ sessionId: idOf('ses') }),
        response: { 204: Type.Void(), ...problems(identityFailures, 'session_not_found') },
      },
    )
    .delete(
      '/auth/sessions',
      async ({ request, set }) => {
        await access.endAllSessions(principalOf(request).userId, hands.addressOf(request))
        cookies.clearSession(request)
        set.status = 204
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Sign out everywhere, here too',
          description: 'Applications lose their access as well; API keys stay.',
        }),
        response: { 204: Type.Void() },
      },
    )
    .get('/auth/devices', async ({ request }) => ({ items: await access.devices(principalOf(request).userId) }), {
      ...route({ scopes: SECURED, tag: TAG, summary: 'Devices that I have used' }),
      response: { 200: devicesModel },
    })
    .delete(
      '/auth/devices/:deviceId',
      async ({ params, request, set }) => {
        const { userId } = principalOf(request)
        unwrap(await access.forgetDevice(userId, params.deviceId, hands.addressOf(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Forget a device',
          description: 'Its sessions end, and it is asked for a second factor again.',
        }),
        params: Type.Object({ deviceId: idOf('dev') }),
        response: { 204: Type.Void(), ...problems(identityFailures, 'device_not_found') },
      },
    )
    .get('/auth/api-keys', async ({ request }) => ({ items: await apiKeys.list(principalOf(request).userId) }), {
      ...route({ scopes: SECURED, tag: TAG, summary: 'My API keys' }),
      response: { 200: apiKeysModel },
    })
    .post(
      '/auth/api-keys',
      async ({ body, request, set }) => {
        const user = await hands.sure(request)
        const { name, scopes, expiresInDays = KEY_LIFETIME_DAYS } = body
        const expiresAt = now() + expiresInDays * DAY_MS
        const made = await apiKeys.make(user, { name, scopes, expiresAt }, hands.addressOf(request))
        set.status = 201
        return unwrap(made, identityFailures)
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Make an API key for a script',
          description: 'It acts as me within the scopes that it names. Payments still ask for the PIN.',
        }),
        body: apiKeyBody,
        response: {
          201: apiKeyModel,
          ...problems(identityFailures, 'step_up_required', 'scope_not_grantable', 'too_many'),
        },
      },
    )
    .delete(
      '/auth/api-keys/:keyId',
      async ({ params, request, set }) => {
        const { userId } = principalOf(request)
        unwrap(await apiKeys.revoke(userId, params.keyId, hands.addressOf(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Revoke an API key', description: 'It ends at once.' }),
        params: Type.Object({ keyId: idOf('key') }),
        response: { 204: Type.Void(), ...problems(identityFailures, 'api_key_not_found') },
      },
    )
}
