/** One’s own account, over HTTP: profile, addresses, password, PIN, one’s data, and leaving. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../../platform/http/context'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { identityFailures } from '../failures'
import { exportModel, passwordBody, phoneBody, pinBody, profileBody } from '../model/account'
import { codeBody, emailBody, userModel } from '../model/user'
import type { Identity } from '../service'
import { userView } from '../service/users'
import type { Hands } from './hands'

const TAG = 'Account'

export function accountRoutes(identity: Identity, hands: Hands, { route }: RouteWords) {
  const { contacts, recovery, closing } = identity
  const secured = ['profile:security']
  return new Elysia({ name: 'identity-account', normalize: false })
    .get('/auth/profile', async ({ request }) => userView(await hands.user(request)), {
      ...route({ scopes: ['profile:read'], tag: TAG, summary: 'My profile' }),
      response: { 200: userModel },
    })
    .patch('/auth/profile', ({ body, request }) => identity.updateProfile(principalOf(request).userId, body), {
      ...route({ scopes: ['profile:write'], tag: TAG, summary: 'Change my name' }),
      body: profileBody,
      response: { 200: userModel },
    })
    .put(
      '/auth/email',
      async ({ body, request, set }) => {
        await contacts.changeEmail(await hands.sure(request), body.email)
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Change my e-mail address: send a code to the new one',
          description: 'The answer is the same whether or not the address belongs to somebody else.',
        }),
        body: emailBody,
        response: { 202: Type.Object({}), ...problems(identityFailures, 'step_up_required') },
      },
    )
    .post(
      '/auth/email/verify',
      async ({ body, request }) => {
        hands.limitOwn(request, 'code')
        const user = await hands.user(request)
        return unwrap(await contacts.confirmEmail(user, body.code, hands.addressOf(request)), identityFailures)
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Confirm the new e-mail address',
          description: 'Both addresses hear of it. Codes and links that were sent before are worth nothing any more.',
        }),
        body: codeBody,
        response: { 200: userModel, ...problems(identityFailures, 'code_invalid', 'email_taken') },
      },
    )
    .put(
      '/auth/phone',
      async ({ body, request, set }) => {
        unwrap(await contacts.changePhone(await hands.sure(request), body.phone), identityFailures)
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Set my phone number: send a code to it',
          description: 'Also asks anew for the code of the number that was given at the registration.',
        }),
        body: phoneBody,
        response: { 202: Type.Object({}), ...problems(identityFailures, 'step_up_required', 'phone_not_served') },
      },
    )
    .post(
      '/auth/phone/verify',
      async ({ body, request }) => {
        hands.limitOwn(request, 'code')
        const user = await hands.user(request)
        return unwrap(await contacts.confirmPhone(user, body.code, hands.addressOf(request)), identityFailures)
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Confirm my phone number',
          description: 'From then on money finds me by it. Somebody who had the number before has it no more.',
        }),
        body: codeBody,
        response: { 200: userModel, ...problems(identityFailures, 'code_invalid') },
      },
    )
    .delete(
      '/auth/phone',
      async ({ request }) =>
        unwrap(await contacts.removePhone(await hands.sure(request), hands.addressOf(request)), identityFailures),
      {
        ...route({ scopes: secured, tag: TAG, summary: 'Remove my phone number' }),
        response: { 200: userModel, ...problems(identityFailures, 'step_up_required', 'second_factor_needed') },
      },
    )
    .put(
      '/auth/password',
      async ({ body, request, set }) => {
        hands.limitOwn(request, 'password')
        const { address, principal } = contextOf(request)
        const user = await hands.user(request)
        const sessionId = principal?.sessionId ?? ''
        unwrap(await recovery.change(user, { ...body, sessionId, address }), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Change my password',
          description: 'Ends every other session, and what was remembered of devices. API keys stay.',
        }),
        body: passwordBody,
        response: { 204: Type.Void(), ...problems(identityFailures, 'password_wrong', 'password_common') },
      },
    )
    .put(
      '/auth/pin',
      async ({ body, request, set }) => {
        hands.limitOwn(request, 'password')
        const { address, principal } = contextOf(request)
        const user = await hands.user(request)
        const sessionId = principal?.sessionId ?? ''
        unwrap(await identity.setPin(user, { ...body, sessionId, address }), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Choose, change or reset my PIN',
          description:
            'The PIN authorizes money. It takes the password, or a proof within the last 15 minutes (POST /auth/step-up), and ends a lock of the PIN before it.',
        }),
        body: pinBody,
        response: {
          204: Type.Void(),
          ...problems(identityFailures, 'password_wrong', 'step_up_required', 'pin_trivial'),
        },
      },
    )
    .get('/auth/export', async ({ request }) => closing.export(await hands.sure(request)), {
      ...route({ scopes: secured, tag: TAG, summary: 'Everything that is kept about me' }),
      response: { 200: exportModel, ...problems(identityFailures, 'step_up_required') },
    })
    .post(
      '/auth/close',
      async ({ request, set }) => {
        const user = await hands.sure(request)
        unwrap(await closing.close(user, hands.addressOf(request)), identityFailures)
        set.status = 204
      },
      {
        ...route({
          scopes: secured,
          tag: TAG,
          summary: 'Close my account',
          description:
            'Only with an empty wallet. What lets anybody sign in is erased at once; name and addresses when the law no longer asks for them; the books keep the account’s id.',
        }),
        response: { 204: Type.Void(), ...problems(identityFailures, 'step_up_required', 'money_left') },
      },
    )
}
