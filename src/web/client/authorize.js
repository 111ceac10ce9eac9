/** The consent page: who asks for what, and yes or no. */
import { call, h, resume, signIn } from './common.js'

const place = document.getElementById('page')
const query = location.search.slice(1)
const prompts = new URLSearchParams(query).get('prompt')?.split(' ') ?? []

async function decide(allow) {
  const { redirectTo } = await call('POST', '/oauth/authorization', { allow, query })
  location.assign(redirectTo)
}

const attempt = (act) => async () => {
  try {
    await act()
  } catch (error) {
    place.append(h('p', { role: 'status' }, error.message))
  }
}

function ask({ client, scopes, user }) {
  place.replaceChildren(
    h('h1', {}, `${client.name} asks for access`),
    h('p', {}, `You are signed in as ${user.name} (${user.email}). If you allow it, ${client.name} may:`),
    h('ul', {}, ...scopes.map(({ scope, description }) => h('li', { title: scope }, description))),
    h(
      'p',
      {},
      h(
        'button',
        {
          type: 'button',
          class: 'quiet',
          async onclick() {
            await call('POST', '/auth/logout', {})
            location.reload()
          },
        },
        'This is not me: sign out',
      ),
    ),
    h('p', {}, 'It never learns your password or your PIN, and you can take this back at any time under Account.'),
    h(
      'p',
      {},
      h('button', { type: 'button', id: 'allow', onclick: attempt(() => decide(true)) }, 'Allow'),
      ' ',
      h(
        'button',
        { type: 'button', id: 'deny', class: 'quiet', onclick: attempt(() => decide(false)) },
        'Do not allow',
      ),
    ),
  )
}

async function begin() {
  const known = !prompts.includes('login') && (await resume())
  if (!known) await signIn(place)
  const asked = await call('GET', `/oauth/authorization?${query}`)
  if (asked.allowedBefore) await decide(true)
  else ask(asked)
}

attempt(begin)()
