/** The page behind the link of a forgotten password. */
import { call, form, h } from './common.js'

const place = document.getElementById('page')
const token = new URLSearchParams(location.search).get('token') ?? ''
// The token is not left in the address, where it would be remembered.
history.replaceState(null, '', location.pathname)

place.append(
  form(
    undefined,
    [
      [
        'New password (8 characters or more)',
        'password',
        { type: 'password', minlength: '8', maxlength: '128', autocomplete: 'new-password' },
      ],
    ],
    'Set the password',
    async ({ password }) => {
      await call('POST', '/auth/reset-password', { token, password })
      place.replaceChildren(
        h('p', {}, 'Done. Every session was ended: sign in with the new password.'),
        h('p', {}, h('a', { href: '/account' }, 'Sign in')),
      )
    },
  ),
)
