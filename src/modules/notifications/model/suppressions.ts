/** The shapes of addresses that nothing is sent to any more. */
import { Type } from '@sinclair/typebox'
import { answer, body, described, idOf, moment } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { literals } from './messages'

const suppression = {
  id: Type.String(),
  channel: Type.String(),
  hint: Type.String({ description: 'The address with its middle left out.' }),
  cause: literals(['invalid', 'complaint', 'operator']),
  createdAt: moment,
}
const suppressionExample = {
  id: 'sup_01m0z3k8x2f4v5b6n7a9',
  channel: 'email',
  hint: 'am…@example.com',
  cause: 'invalid',
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const suppressionModel = answer(suppression, suppressionExample)
export const suppressionsModel = pageOf(Type.Object(suppression), [{ items: [suppressionExample], nextCursor: null }])
export const suppressBody = body(
  {
    channel: described(literals(['email', 'sms', 'whatsapp']), 'By which nothing is sent there any more.'),
    address: Type.String({
      minLength: 3,
      maxLength: 254,
      format: 'printable',
      description: 'An e-mail address or a number.',
    }),
  },
  { channel: 'email', address: 'nobody@example.com' },
)
export const suppressionParams = Type.Object({ id: idOf('sup') })
export const suppressionsQuery = Type.Object(pageQuery)
