/** What the pages share: elements, calls to the API, signing in, and proving again who one is. */

/** An element; strings among the children are text and never markup. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat().filter((child) => child !== undefined))
  return element
}

/** A refusal of the API. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? 'Kumbu does not answer. Is it still running?')
    this.problem = problem
  }
}

let csrfToken

async function send(method, path, body) {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(csrfToken === undefined ? {} : { 'x-csrf-token': csrfToken }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
  const answer = isJson && text !== '' ? JSON.parse(text) : text || undefined
  if (!response.ok) throw new Refused(answer ?? {})
  if (answer?.csrfToken !== undefined) csrfToken = answer.csrfToken
  return answer
}

/** Signs in anew with the cookie, if there is one; the access token lives a quarter of an hour. */
export async function resume() {
  try {
    await send('GET', '/auth/csrf')
    return true
  } catch {
    return send('POST', '/auth/refresh', {}).then(
      () => true,
      () => false,
    )
  }
}

/** Calls the API; a session that has run out is renewed, and a proof that is asked for is asked of the person. */
export async function call(method, path, body) {
  try {
    return await send(method, path, body)
  } catch (error) {
    const code = error instanceof Refused ? error.problem.code : undefined
    if (code === 'unauthenticated' && (await resume())) return send(method, path, body)
    if (code === 'step_up_required') {
      await stepUp(error.problem.methods ?? ['password'])
      return send(method, path, body)
    }
    throw error
  }
}

// --- passkeys: the browser speaks bytes, the API base64url

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')

const withBytes = (list) => list?.map((each) => ({ ...each, id: toBytes(each.id) }))

const credentialJson = ({ id, rawId, type, response, authenticatorAttachment }) => ({
  id,
  rawId: toText(rawId),
  type,
  clientExtensionResults: {},
  ...(authenticatorAttachment ? { authenticatorAttachment } : {}),
  response: Object.fromEntries(
    ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']
      .filter((name) => response[name])
      .map((name) => [name, toText(response[name])]),
  ),
})

export async function makePasskey(options) {
  const publicKey = {
    ...options,
    challenge: toBytes(options.challenge),
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: withBytes(options.excludeCredentials),
  }
  return credentialJson(await navigator.credentials.create({ publicKey }))
}

async function askPasskey(options) {
  const publicKey = {
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: withBytes(options.allowCredentials),
  }
  return credentialJson(await navigator.credentials.get({ publicKey }))
}

// --- forms

const fieldOf = (field) => {
  if (field instanceof Node) return field
  const [label, name, properties] = field
  return h('label', {}, label, h('input', { name, required: true, ...properties }))
}

/** A form whose fields (`[label, name, properties]`, or an element) are handed to `act`; what it throws is shown beneath. */
export function form(title, fields, button, act, ...more) {
  const status = h('p', { role: 'status' })
  const submit = h('button', {}, button)
  return h(
    'form',
    {
      async onsubmit(event) {
        event.preventDefault()
        status.textContent = ''
        submit.disabled = true
        try {
          await act(Object.fromEntries(new FormData(event.target)))
        } catch (error) {
          status.textContent = error.message
        } finally {
          submit.disabled = false
        }
      },
    },
    title === undefined ? undefined : h('h2', {}, title),
    ...fields.map(fieldOf),
    submit,
    ...more,
    status,
  )
}

const METHOD_NAMES = {
  password: 'Password',
  totp: 'Authenticator app',
  recovery: 'Recovery code',
  email: 'Code by e-mail',
  sms: 'Code by SMS',
  passkey: 'Passkey',
}

const CODE_FIELD = ['Code', 'code', { autocomplete: 'one-time-code', maxlength: '64', autofocus: true }]

/** Lets the person choose among the methods; `use(method)` gives what is shown for one. */
function chooser(methods, use) {
  const place = h('div')
  const show = async (method) => place.replaceChildren(await use(method))
  const choices = methods.map((method) =>
    h('button', { type: 'button', class: 'quiet', onclick: () => show(method) }, METHOD_NAMES[method] ?? method),
  )
  void show(methods[0])
  return h('div', {}, place, methods.length > 1 ? h('p', { class: 'choices' }, 'Or: ', ...choices) : undefined)
}

const SIGN_IN = { session: 'cookie' }

/** Shows the sign-in within `place` and waits until somebody is in. */
export function signIn(place) {
  return new Promise((resolve) => {
    const done = (answer) => {
      place.replaceChildren()
      resolve(answer)
    }

    async function withPasskey(challengeId) {
      const asked = await call('POST', '/auth/login/passkey/options', challengeId === undefined ? {} : { challengeId })
      const credential = await askPasskey(asked.options)
      done(await call('POST', '/auth/login/passkey', { ...SIGN_IN, challengeId: asked.challengeId, credential }))
    }

    function secondFactor({ challengeId, methods }) {
      const remember = h('input', { type: 'checkbox', name: 'remember', class: 'inline' })
      place.replaceChildren(
        h('h1', {}, 'One more proof'),
        chooser(methods, async (method) => {
          if (method === 'passkey') return form(undefined, [], 'Use my passkey', () => withPasskey(challengeId))
          if (method === 'email' || method === 'sms')
            await call('POST', '/auth/login/2fa/send', { challengeId, method })
          return form(
            METHOD_NAMES[method],
            [CODE_FIELD],
            'Sign in',
            async ({ code }) =>
              done(
                await call('POST', '/auth/login/2fa', {
                  ...SIGN_IN,
                  challengeId,
                  method,
                  code,
                  rememberDevice: remember.checked,
                }),
              ),
            h('label', { class: 'inline' }, remember, ' Do not ask on this device for 30 days'),
          )
        }),
      )
    }

    const forgot = () =>
      place.replaceChildren(
        h('h1', {}, 'A new password'),
        form(undefined, [['E-mail', 'email', { type: 'email' }]], 'Mail me a link', async (fields) => {
          await call('POST', '/auth/forgot-password', fields)
          place.replaceChildren(
            h('h1', {}, 'A new password'),
            h('p', {}, 'If there is such an account, a link is on its way.'),
          )
        }),
        h('button', { type: 'button', class: 'quiet', onclick: begin }, 'Back'),
      )

    function begin() {
      const passkeys = window.PublicKeyCredential !== undefined
      place.replaceChildren(
        h('h1', {}, 'Sign in'),
        form(
          undefined,
          [
            ['E-mail', 'email', { type: 'email', autocomplete: 'username', autofocus: true }],
            ['Password', 'password', { type: 'password', autocomplete: 'current-password' }],
          ],
          'Sign in',
          async (fields) => {
            const answer = await call('POST', '/auth/login', { ...SIGN_IN, ...fields })
            if (answer.twoFactor) secondFactor(answer.twoFactor)
            else done(answer)
          },
        ),
        passkeys ? form(undefined, [], 'Sign in with a passkey', () => withPasskey()) : '',
        h('button', { type: 'button', class: 'quiet', onclick: forgot }, 'Forgot the password?'),
      )
    }
    begin()
  })
}

/** Asks the person to prove again who they are, in a dialog; throws if they do not. */
function stepUp(methods) {
  return new Promise((resolve, reject) => {
    const dialog = h('dialog')
    const close = (settle, value) => {
      dialog.remove()
      settle(value)
    }
    const prove = async (body) => {
      await send('POST', '/auth/step-up', body)
      close(resolve)
    }
    dialog.append(
      h('h2', {}, 'Is it you?'),
      chooser(methods, async (method) => {
        if (method === 'password') {
          const field = [
            'Password',
            'password',
            { type: 'password', autocomplete: 'current-password', autofocus: true },
          ]
          return form(undefined, [field], 'Go on', prove)
        }
        if (method === 'passkey')
          return form(undefined, [], 'Use my passkey', async () => {
            const asked = await send('POST', '/auth/step-up/passkey/options', {})
            await prove({ challengeId: asked.challengeId, credential: await askPasskey(asked.options) })
          })
        if (method === 'email' || method === 'sms') await send('POST', '/auth/step-up/send', { method })
        return form(METHOD_NAMES[method], [CODE_FIELD], 'Go on', ({ code }) => prove({ method, code }))
      }),
      h(
        'button',
        { type: 'button', class: 'quiet', onclick: () => close(reject, new Error('Nothing was changed.')) },
        'Cancel',
      ),
    )
    document.body.append(dialog)
    dialog.addEventListener('cancel', () => close(reject, new Error('Nothing was changed.')))
    dialog.showModal()
  })
}
