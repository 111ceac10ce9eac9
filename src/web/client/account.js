/** The account page: how one signs in, and who else is let in. */
import { call, form, h, makePasskey, resume, signIn } from './common.js'

const place = document.getElementById('page')

const when = (moment) => (moment ? new Date(moment).toLocaleString() : 'never')

function section(title, ...children) {
  return h('section', {}, h('h2', {}, title), ...children)
}

/** A button that acts and shows the page anew; what it refuses is said beneath it. */
function act(label, work, properties = {}) {
  const status = h('span', { role: 'status' })
  const button = h(
    'button',
    {
      type: 'button',
      class: 'quiet',
      ...properties,
      async onclick() {
        try {
          await work()
          await show()
        } catch (error) {
          status.textContent = ` ${error.message}`
        }
      },
    },
    label,
  )
  return h('span', {}, button, status)
}

function list(items, line, empty) {
  return items.length === 0 ? h('p', {}, empty) : h('ul', {}, ...items.map((item) => h('li', {}, ...line(item))))
}

function profile(user) {
  const phone = user.phone ? `${user.phone}${user.phoneVerified ? '' : ' (not confirmed)'}` : 'none'
  return section(
    'You',
    h('p', {}, `${user.name}, ${user.role}. E-mail: ${user.email}. Phone: ${phone}.`),
    details('Change my e-mail address', address('email', 'New e-mail address', 'email')),
    details('Set or confirm my phone number', address('phone', 'Phone number, with +', 'tel')),
    details(
      'Change my password',
      form(
        undefined,
        [
          ['Present password', 'currentPassword', { type: 'password', autocomplete: 'current-password' }],
          ['New password', 'newPassword', { type: 'password', minlength: '8', autocomplete: 'new-password' }],
        ],
        'Change it',
        async (fields) => {
          await call('PUT', '/auth/password', fields)
          await show()
        },
      ),
    ),
    details(
      'Choose or change my PIN',
      form(
        undefined,
        [
          [
            'PIN, 4 to 6 digits',
            'pin',
            { type: 'password', inputmode: 'numeric', pattern: '\\d{4,6}', autocomplete: 'off' },
          ],
        ],
        'Set it',
        async (fields) => {
          await call('PUT', '/auth/pin', fields)
          await show()
        },
      ),
    ),
  )
}

const details = (title, ...children) => h('details', {}, h('summary', {}, title), ...children)

/** A new address, and then the code that was sent to it. */
function address(name, label, type) {
  const box = h('div')
  box.append(
    form(undefined, [[label, name, { type }]], 'Send a code', async (fields) => {
      await call('PUT', `/auth/${name}`, fields)
      box.replaceChildren(
        form(
          undefined,
          [['The code that was sent there', 'code', { autocomplete: 'one-time-code' }]],
          'Confirm',
          async (typed) => {
            await call('POST', `/auth/${name}/verify`, typed)
            await show()
          },
        ),
      )
    }),
  )
  return box
}

function factors({ methods, recoveryCodesLeft, required }, passkeys) {
  const box = h('div')
  const app = methods.includes('totp')
    ? act('Remove the authenticator app', () => call('DELETE', '/auth/2fa/totp'))
    : h('button', { type: 'button', id: 'add-totp', onclick: () => setUpApp(box) }, 'Set up an authenticator app')
  return section(
    'Second factors',
    required && methods.length === 0
      ? h('p', { role: 'status' }, 'Your role needs a second factor: set one up to go on.')
      : undefined,
    h(
      'p',
      {},
      methods.length === 0 ? 'None yet.' : `In use: ${methods.join(', ')}. Recovery codes left: ${recoveryCodesLeft}.`,
    ),
    app,
    box,
    methods.length === 0
      ? undefined
      : h('p', {}, h('button', { type: 'button', class: 'quiet', onclick: () => newCodes(box) }, 'New recovery codes')),
    h('h3', {}, 'Passkeys'),
    list(
      passkeys,
      (passkey) => [
        `${passkey.name}, added ${when(passkey.createdAt)}, last used ${when(passkey.lastUsedAt)} `,
        act('Remove', () => call('DELETE', `/auth/passkeys/${passkey.id}`)),
      ],
      'None yet.',
    ),
    details(
      'Add a passkey',
      form(undefined, [['Its name', 'name', { maxlength: '60', value: 'This device' }]], 'Add it', async ({ name }) => {
        const asked = await call('POST', '/auth/passkeys/options', {})
        const credential = await makePasskey(asked.options)
        await call('POST', '/auth/passkeys', { challengeId: asked.challengeId, name, credential })
        await show()
      }),
    ),
  )
}

async function setUpApp(box) {
  try {
    const { secret, qr } = await call('POST', '/auth/2fa/totp')
    box.replaceChildren(
      h('p', {}, 'Scan this with an authenticator app, or type the secret into it:'),
      h('img', { src: qr.png, alt: 'QR code', width: '220', height: '220' }),
      h('p', {}, h('code', {}, secret)),
      form(
        undefined,
        [['The code that it shows', 'code', { inputmode: 'numeric', autocomplete: 'one-time-code' }]],
        'Confirm',
        async (fields) => {
          const { recoveryCodes } = await call('POST', '/auth/2fa/totp/confirm', fields)
          showCodes(box, recoveryCodes)
        },
      ),
    )
  } catch (error) {
    box.replaceChildren(h('p', { role: 'status' }, error.message))
  }
}

async function newCodes(box) {
  try {
    const { recoveryCodes } = await call('POST', '/auth/2fa/recovery-codes')
    showCodes(box, recoveryCodes)
  } catch (error) {
    box.replaceChildren(h('p', { role: 'status' }, error.message))
  }
}

function showCodes(box, codes) {
  box.replaceChildren(
    h(
      'p',
      {},
      'Keep these recovery codes where you will find them without your phone. Each works once; they are not shown again.',
    ),
    h('pre', { class: 'codes' }, codes.join('\n')),
    h('button', { type: 'button', onclick: show }, 'I have kept them'),
  )
}

function access({ sessions, devices, keys, applications }) {
  return section(
    'Signed in',
    list(
      sessions,
      (session) => [
        `${session.userAgent ?? session.kind}, ${session.address ?? ''}, last used ${when(session.lastUsedAt)} `,
        session.current
          ? h('strong', {}, 'this one')
          : act('End', () => call('DELETE', `/auth/sessions/${session.id}`)),
      ],
      'Nowhere.',
    ),
    act('Sign out everywhere', async () => {
      await call('DELETE', '/auth/sessions')
      location.reload()
    }),
    h('h3', {}, 'Devices'),
    list(
      devices,
      (device) => [
        `${device.name}, last seen ${when(device.lastSeenAt)}${device.remembered ? ', needs no second factor' : ''} `,
        act('Forget', () => call('DELETE', `/auth/devices/${device.id}`)),
      ],
      'None.',
    ),
    h('h3', {}, 'Applications'),
    list(
      applications,
      (application) => [
        `${application.name}: ${application.scopes.join(', ')} `,
        act('Take its access away', () => call('DELETE', `/oauth/applications/${application.clientId}`)),
      ],
      'None.',
    ),
    h('h3', {}, 'API keys'),
    list(
      keys,
      (key) => [
        `${key.name} (${key.hint}…): ${key.scopes.join(', ')}, until ${when(key.expiresAt)}, last used ${when(key.lastUsedAt)} `,
        act('Revoke', () => call('DELETE', `/auth/api-keys/${key.id}`)),
      ],
      'None.',
    ),
  )
}

/** Until a role that needs a second factor has one, there is little to see. */
async function look(path) {
  try {
    return await call('GET', path)
  } catch (error) {
    if (error.problem?.code === 'second_factor_required') return undefined
    throw error
  }
}

async function show() {
  const paths = [
    '/auth/profile',
    '/auth/2fa',
    '/auth/passkeys',
    '/auth/sessions',
    '/auth/devices',
    '/auth/api-keys',
    '/oauth/applications',
  ]
  const [user, second, passkeys, sessions, devices, keys, applications] = await Promise.all(paths.map(look))
  const restricted = sessions === undefined
  const parts = [
    h('h1', {}, 'Account'),
    restricted ? undefined : profile(user),
    factors(second, passkeys.items),
    restricted
      ? undefined
      : access({
          sessions: sessions.items,
          devices: devices.items,
          keys: keys.items,
          applications: applications.items,
        }),
    h(
      'p',
      {},
      h(
        'button',
        {
          type: 'button',
          id: 'sign-out',
          async onclick() {
            await call('POST', '/auth/logout', {})
            location.reload()
          },
        },
        'Sign out',
      ),
    ),
  ]
  place.replaceChildren(...parts.filter((part) => part !== undefined))
}

if (!(await resume())) await signIn(place)
await show()
