/** The page behind the set-up link: it makes the first operator. */
import { Elysia } from 'elysia'
import { htmlPage } from '../platform/html'

const BODY = `<h1>Set up Kumbu</h1>
<p>Make the operator of this instance. The link works once.</p>
<form id="setup">
  <label>Name <input name="name" required maxlength="100" autocomplete="name"></label>
  <label>E-mail <input name="email" type="email" required maxlength="254" autocomplete="email"></label>
  <label>Password (8 characters or more) <input name="password" type="password" required minlength="8" maxlength="128" autocomplete="new-password"></label>
  <button>Create the operator</button>
</form>
<div role="status" aria-live="polite"></div>`

const SCRIPT = `const form = document.getElementById('setup')
const status = document.querySelector('[role=status]')
const token = new URLSearchParams(location.search).get('token') ?? ''
// The token is not left in the address, where it would be remembered.
history.replaceState(null, '', location.pathname)
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const fields = Object.fromEntries(new FormData(form))
  status.textContent = 'One moment …'
  try {
    const response = await fetch('/api/v1/setup', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, ...fields }),
    })
    const answer = await response.json()
    if (response.ok) {
      form.remove()
      status.textContent = 'Done: ' + answer.email + ' can sign in as the operator. '
      const next = document.createElement('a')
      next.href = '/account'
      next.textContent = 'Sign in, and set up a second factor.'
      status.append(next)
    } else {
      status.textContent = answer.detail
    }
  } catch {
    status.textContent = 'Kumbu does not answer. Is it still running?'
  }
})`

export function setupPage() {
  const hidden = { detail: { hide: true } }
  return new Elysia({ name: 'setup-page' })
    .get('/setup', () => htmlPage('Set up Kumbu', BODY, '/setup.js'), hidden)
    .get(
      '/setup.js',
      () => new Response(SCRIPT, { headers: { 'content-type': 'text/javascript; charset=utf-8' } }),
      hidden,
    )
}
