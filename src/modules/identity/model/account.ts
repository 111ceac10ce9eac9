/** The shapes of one’s own account. */
import { Type } from '@sinclair/typebox'
import { body, givenPassword, name, password, phone, pin } from '../../../platform/http/fields'
import { user, userExample } from './user'

export const phoneBody = body({ phone }, { phone: '+258841234567' })

export const passwordBody = body(
  { currentPassword: givenPassword, newPassword: password },
  { currentPassword: 'kumbu-demo-2026', newPassword: 'a longer walk to the sea' },
)

export const profileBody = body({ name: Type.Optional(name) }, { name: 'Amina M. Macuácua' })
export const pinBody = body(
  { pin, password: Type.Optional(givenPassword) },
  { pin: '2580', password: 'kumbu-demo-2026' },
)

export const exportModel = Type.Object(
  { profile: Type.Object(user) },
  { additionalProperties: true, examples: [{ profile: userExample }] },
)
