/** The shapes of second factors and of the step-up. */
import { Type } from '@sinclair/typebox'
import { answer, body, givenPassword, label, moment } from '../../../platform/http/fields'
import { all, anyCode, challengeId, codeChannel, codeMethod, credential, credentialExample, methods } from './user'

export const passkeyRegisterBody = body(
  { challengeId, name: label, credential },
  { challengeId: 'chl_01m0z3k8x2f4v5b6n7a9', name: 'My phone', credential: credentialExample },
)

const passkey = {
  id: Type.String(),
  name: Type.String(),
  createdAt: moment,
  lastUsedAt: Type.Union([moment, Type.Null()]),
}

const passkeyExample = {
  id: 'psk_01m0z3k8x2f4v5b6n7a9',
  name: 'My phone',
  createdAt: '2026-11-24T09:30:00.000Z',
  lastUsedAt: null,
}

export const passkeyModel = answer(passkey, passkeyExample)

export const passkeysModel = all(passkey, passkeyExample)

export const stepUpBody = body(
  {
    password: Type.Optional(givenPassword),
    method: Type.Optional(codeMethod),
    code: Type.Optional(anyCode),
    challengeId: Type.Optional(challengeId),
    credential: Type.Optional(credential),
  },
  { password: 'kumbu-demo-2026' },
)
export const sendStepUpBody = body({ method: codeChannel }, { method: 'email' })

export const factorsModel = answer(
  {
    methods,
    recoveryCodesLeft: Type.Integer(),
    required: Type.Boolean({ description: 'Whether the role demands a second factor.' }),
  },
  { methods: ['totp'], recoveryCodesLeft: 10, required: false },
)
export const totpModel = answer(
  {
    secret: Type.String({ description: 'Base32, to be typed into an authenticator app.' }),
    otpauthUri: Type.String({ description: 'The same as an address that apps understand.' }),
    qr: Type.Object({ svg: Type.String(), png: Type.String({ description: 'A data address.' }) }),
  },
  {
    secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
    otpauthUri: 'otpauth://totp/Kumbu:amina%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Kumbu',
    qr: { svg: '<svg/>', png: 'data:image/png;base64,…' },
  },
)
export const recoveryCodesModel = answer(
  { recoveryCodes: Type.Array(Type.String(), { description: 'Each works once. They are shown this once.' }) },
  { recoveryCodes: ['7k2mq-x94hd', 'p0c3v-81ztn'] },
)
export const methodParam = Type.Object({ method: codeChannel })
