/** OAuth for people and operators: what an application asks, what was allowed to whom, and the clients. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../../platform/http/context'
import { idOf } from '../../../platform/http/fields'
import { Problem, problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { iso } from '../../../platform/moment'
import type { Identity } from '../../identity'
import { oauthFailures } from '../failures'
import {
  applicationsModel,
  askedModel,
  authorizationQuery,
  clientBody,
  clientModel,
  clientsModel,
  decisionBody,
  keyModel,
  newClientModel,
  redirectModel,
  rotateBody,
  secretModel,
} from '../model'
import type { OAuth } from '../service'
import type { Client } from '../service/clients'

const TAG = 'OAuth'
const OPERATOR_TAG = 'Operator'

export function oauthApiRoutes(oauth: OAuth, identity: Identity, { route }: RouteWords) {
  const { authorization, clients, tokens, keys } = oauth

  async function sure(request: Request): Promise<string> {
    const { userId, sessionId } = principalOf(request)
    unwrap(await identity.stepUp.required(await identity.known(userId), sessionId), oauthFailures)
    return userId
  }

  async function askable(query: string) {
    const checked = await authorization.check(query)
    if (checked.kind === 'ask') return checked.request
    throw new Problem('authorization_invalid', oauthFailures.authorization_invalid)
  }

  return new Elysia({ name: 'oauth-api', normalize: false })
    .get(
      '/oauth/authorization',
      async ({ request }) => {
        const user = await identity.known(principalOf(request).userId)
        const asked = await authorization.describe(await askable(new URL(request.url).search), user)
        return { ...asked, user: { name: user.name, email: user.email } }
      },
      {
        ...route({
          scopes: ['profile:security'],
          tag: TAG,
          summary: 'What an application asks me for',
          description: 'Takes the query of the authorization request. It is what the consent page shows.',
        }),
        query: authorizationQuery,
        response: { 200: askedModel, ...problems(oauthFailures, 'authorization_invalid') },
      },
    )
    .post(
      '/oauth/authorization',
      async ({ body, request }) => {
        const { userId, sessionId } = principalOf(request)
        const wanted = await askable(body.query)
        const user = await identity.known(userId)
        const { address } = contextOf(request)
        const redirectTo = unwrap(
          await authorization.decide(wanted, user, sessionId, body.allow, address),
          oauthFailures,
        )
        return { redirectTo }
      },
      {
        ...route({ scopes: ['profile:security'], tag: TAG, summary: 'Allow an application what it asks for, or not' }),
        body: decisionBody,
        response: { 200: redirectModel, ...problems(oauthFailures, 'authorization_invalid', 'step_up_required') },
      },
    )
    .get(
      '/oauth/applications',
      async ({ request }) => ({ items: await tokens.applications(principalOf(request).userId) }),
      {
        ...route({ scopes: ['profile:security'], tag: TAG, summary: 'Applications that I have allowed' }),
        response: { 200: applicationsModel },
      },
    )
    .delete(
      '/oauth/applications/:clientId',
      async ({ params, request, set }) => {
        const { address, principal } = contextOf(request)
        unwrap(await tokens.forget(principal?.userId ?? '', params.clientId, address), oauthFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: ['profile:security'],
          tag: TAG,
          summary: 'Take an application’s access away',
          description: 'It ends at once.',
        }),
        params: Type.Object({ clientId: idOf('cli') }),
        response: { 204: Type.Void(), ...problems(oauthFailures, 'application_not_found') },
      },
    )
    .get('/oauth/clients', async () => ({ items: (await clients.list()).map(clientView) }), {
      ...route({ scopes: ['clients:manage'], tag: OPERATOR_TAG, summary: 'OAuth clients' }),
      response: { 200: clientsModel },
    })
    .post(
      '/oauth/clients',
      async ({ body, request, set }) => {
        const actor = await sure(request)
        const { isPublic = false, redirectUris = [], ...rest } = body
        const made = await clients.make({ isPublic, redirectUris, ...rest }, actor, contextOf(request).address)
        const { secret, ...client } = unwrap(made, oauthFailures)
        set.status = 201
        return { ...clientView(client), clientSecret: secret ?? null }
      },
      {
        ...route({
          scopes: ['clients:manage'],
          tag: OPERATOR_TAG,
          summary: 'Register an OAuth client',
          description:
            'For an application that people let in: authorization_code (and refresh_token) with redirect URIs. For a machine: client_credentials with the `userId` of its account.',
        }),
        body: clientBody,
        response: {
          201: newClientModel,
          ...problems(
            oauthFailures,
            'step_up_required',
            'redirect_uri_invalid',
            'scope_not_grantable',
            'grants_invalid',
            'client_user_invalid',
          ),
        },
      },
    )
    .get(
      '/oauth/clients/:clientId',
      async ({ params }) => {
        const client = await clients.find(params.clientId)
        if (!client) throw new Problem('client_not_found', oauthFailures.client_not_found)
        return clientView(client)
      },
      {
        ...route({ scopes: ['clients:manage'], tag: OPERATOR_TAG, summary: 'One OAuth client' }),
        params: Type.Object({ clientId: idOf('cli') }),
        response: { 200: clientModel, ...problems(oauthFailures, 'client_not_found') },
      },
    )
    .post(
      '/oauth/clients/:clientId/secret',
      async ({ params, request }) => {
        const actor = await sure(request)
        const made = await clients.newSecret(params.clientId, actor, contextOf(request).address)
        return { clientSecret: unwrap(made, oauthFailures) }
      },
      {
        ...route({
          scopes: ['clients:manage'],
          tag: OPERATOR_TAG,
          summary: 'Give an OAuth client a new secret',
          description: 'The one before is worth nothing from then on; what was issued stays.',
        }),
        params: Type.Object({ clientId: idOf('cli') }),
        response: {
          200: secretModel,
          ...problems(oauthFailures, 'step_up_required', 'client_not_found', 'grants_invalid'),
        },
      },
    )
    .delete(
      '/oauth/clients/:clientId',
      async ({ params, request, set }) => {
        const actor = await sure(request)
        unwrap(await clients.revoke(params.clientId, actor, contextOf(request).address), oauthFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: ['clients:manage'],
          tag: OPERATOR_TAG,
          summary: 'Revoke an OAuth client',
          description: 'Everything that was issued to it ends at once.',
        }),
        params: Type.Object({ clientId: idOf('cli') }),
        response: { 204: Type.Void(), ...problems(oauthFailures, 'step_up_required', 'client_not_found') },
      },
    )
    .post(
      '/oauth/keys/rotate',
      async ({ body, request, set }) => {
        const actor = await sure(request)
        const keyId = await keys.rotate({ now: body.now ?? false })
        await identity.noted({
          actor,
          action: 'oauth_keys.rotate',
          subject: keyId,
          address: contextOf(request).address,
        })
        set.status = 201
        return { keyId }
      },
      {
        ...route({
          scopes: ['clients:manage'],
          tag: OPERATOR_TAG,
          summary: 'Rotate the key that signs ID tokens',
          description: 'The new key is published a day before it signs. It happens by itself every 90 days.',
        }),
        body: rotateBody,
        response: { 201: keyModel, ...problems(oauthFailures, 'step_up_required') },
      },
    )
}

const clientView = ({ createdAt, ...client }: Client) => ({ ...client, createdAt: iso(createdAt) })
