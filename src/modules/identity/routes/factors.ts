/** Second factors and the step-up before what is sensitive, over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../../platform/http/context'
import { idOf } from '../../../platform/http/fields'
import { httpProblem, problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { renderQr } from '../../../platform/qr'
import { identityFailures } from '../failures'
import {
  factorsModel,
  methodParam,
  passkeyModel,
  passkeyRegisterBody,
  passkeysModel,
  recoveryCodesModel,
  sendStepUpBody,
  stepUpBody,
  totpModel,
} from '../model/factors'
import { codeBody, passkeyAskedModel } from '../model/user'
import type { Identity } from '../service'
import type { Hands } from './hands'

const TAG = 'Second factors'
const SECURED = ['profile:factors']

export function factorRoutes(identity: Identity, hands: Hands, { route }: RouteWords) {
  const { factors, passkeys, stepUp } = identity
  return new Elysia({ name: 'identity-factors', normalize: false })
    .get('/auth/2fa', async ({ request }) => factors.factors(await hands.user(request)), {
      ...route({ scopes: ['profile:read'], tag: TAG, summary: 'My second factors' }),
      response: { 200: factorsModel },
    })
    .post(
      '/auth/2fa/totp',
      async ({ request }) => {
        const { secret, otpauthUri } = unwrap(await factors.beginTotp(await hands.sure(request)), identityFailures)
        const { svg, png } = await renderQr(otpauthUri)
        return { secret, otpauthUri, qr: { svg, png } }
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Set up an authenticator app: its secret',
          description: 'It counts once a first code has confirmed it.',
        }),
        response: { 200: totpModel, ...problems(identityFailures, 'step_up_required', 'totp_present') },
      },
    )
    .post(
      '/auth/2fa/totp/confirm',
      async ({ body, request }) => {
        hands.limitOwn(request, 'code')
        return unwrap(
          await factors.confirmTotp(await hands.sure(request), body.code, hands.here(request)),
          identityFailures,
        )
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Set up an authenticator app: its first code',
          description: 'Answers ten recovery codes, each for one sign-in without the app. They are shown this once.',
        }),
        body: codeBody,
        response: {
          200: recoveryCodesModel,
          ...problems(identityFailures, 'step_up_required', 'totp_absent', 'code_invalid'),
        },
      },
    )
    .delete(
      '/auth/2fa/totp',
      async ({ request, set }) => {
        unwrap(await factors.removeTotp(await hands.sure(request), hands.here(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Remove the authenticator app' }),
        response: {
          204: Type.Void(),
          ...problems(identityFailures, 'step_up_required', 'method_not_available', 'second_factor_needed'),
        },
      },
    )
    .post(
      '/auth/2fa/recovery-codes',
      async ({ request }) => ({
        recoveryCodes: unwrap(
          await factors.newRecoveryCodes(await hands.sure(request), hands.here(request)),
          identityFailures,
        ),
      }),
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'New recovery codes; those before are worth nothing' }),
        response: {
          200: recoveryCodesModel,
          ...problems(identityFailures, 'step_up_required', 'method_not_available'),
        },
      },
    )
    .put(
      '/auth/2fa/:method',
      async ({ params, body, request, set }) => {
        hands.limitOwn(request, 'code')
        const user = await hands.sure(request)
        unwrap(await factors.addCodeFactor(user, params.method, body.code, hands.here(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Use codes by e-mail or SMS as a second factor',
          description: 'With a code that POST /auth/step-up/send has sent by that way. SMS needs a confirmed number.',
        }),
        params: methodParam,
        body: codeBody,
        response: {
          204: Type.Void(),
          ...problems(
            identityFailures,
            'step_up_required',
            'code_invalid',
            'method_not_available',
            'second_factor_locked',
          ),
        },
      },
    )
    .delete(
      '/auth/2fa/:method',
      async ({ params, request, set }) => {
        unwrap(
          await factors.removeCodeFactor(await hands.sure(request), params.method, hands.here(request)),
          identityFailures,
        )
        set.status = 204
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'No more codes by this way' }),
        params: methodParam,
        response: {
          204: Type.Void(),
          ...problems(identityFailures, 'step_up_required', 'method_not_available', 'second_factor_needed'),
        },
      },
    )
    .get('/auth/passkeys', async ({ request }) => ({ items: await passkeys.list(principalOf(request).userId) }), {
      ...route({ scopes: SECURED, tag: TAG, summary: 'My passkeys' }),
      response: { 200: passkeysModel },
    })
    .post(
      '/auth/passkeys/options',
      async ({ request }) => unwrap(await passkeys.askToRegister(await hands.sure(request)), identityFailures),
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Add a passkey: what the browser is to ask for' }),
        response: { 200: passkeyAskedModel, ...problems(identityFailures, 'step_up_required', 'too_many') },
      },
    )
    .post(
      '/auth/passkeys',
      async ({ body, request, set }) => {
        const user = await hands.sure(request)
        const made = await passkeys.register(user, body.challengeId, body.name, body.credential, hands.here(request))
        set.status = 201
        return unwrap(made, identityFailures)
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Add a passkey: what the browser made' }),
        body: passkeyRegisterBody,
        response: {
          201: passkeyModel,
          ...problems(identityFailures, 'step_up_required', 'challenge_invalid', 'passkey_invalid', 'passkey_present'),
        },
      },
    )
    .delete(
      '/auth/passkeys/:passkeyId',
      async ({ params, request, set }) => {
        unwrap(
          await passkeys.remove(await hands.sure(request), params.passkeyId, hands.here(request)),
          identityFailures,
        )
        set.status = 204
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Remove a passkey' }),
        params: Type.Object({ passkeyId: idOf('psk') }),
        response: {
          204: Type.Void(),
          ...problems(identityFailures, 'step_up_required', 'passkey_not_found', 'second_factor_needed'),
        },
      },
    )
    .post(
      '/auth/step-up',
      async ({ body, request, set }) => {
        hands.limitOwn(request, 'step-up')
        const { address, principal } = contextOf(request)
        const sessionId = principal?.sessionId ?? ''
        const user = await hands.user(request)
        const { password, method, code, challengeId, credential } = body
        set.status = 204
        if (password !== undefined) {
          unwrap(await stepUp.withPassword(user, password, sessionId, address), identityFailures)
        } else if (method !== undefined && code !== undefined) {
          unwrap(await stepUp.withCode(user, method, code, sessionId, address), identityFailures)
        } else if (challengeId !== undefined && credential !== undefined) {
          unwrap(await stepUp.withPasskey(user, challengeId, credential, sessionId, address), identityFailures)
        } else {
          throw httpProblem(
            'validation_failed',
            'Give `password`, or `method` and `code`, or `challengeId` and `credential`.',
          )
        }
      },
      {
        ...route({
          scopes: SECURED,
          tag: TAG,
          summary: 'Prove again that it is me',
          description:
            'For what answers `step_up_required`: with the password, a code, or a passkey. It counts for 15 minutes, in this session.',
        }),
        body: stepUpBody,
        response: {
          204: Type.Void(),
          ...problems(
            identityFailures,
            'password_wrong',
            'code_invalid',
            'method_not_available',
            'second_factor_locked',
            'challenge_invalid',
            'passkey_invalid',
          ),
        },
      },
    )
    .post(
      '/auth/step-up/send',
      async ({ body, request, set }) => {
        unwrap(await stepUp.sendCode(await hands.user(request), body.method), identityFailures)
        set.status = 202
        return {}
      },
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Send me a code by e-mail or SMS' }),
        body: sendStepUpBody,
        response: { 202: Type.Object({}), ...problems(identityFailures, 'method_not_available') },
      },
    )
    .post(
      '/auth/step-up/passkey/options',
      async ({ request }) => unwrap(await stepUp.askPasskey(await hands.user(request)), identityFailures),
      {
        ...route({ scopes: SECURED, tag: TAG, summary: 'Prove with a passkey: what the browser is to ask it' }),
        response: { 200: passkeyAskedModel, ...problems(identityFailures, 'method_not_available') },
      },
    )
}
