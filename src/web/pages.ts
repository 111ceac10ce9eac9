/** The pages for signing in, consent and one's account. Their scripts are embedded and speak to the API only. */
import { Elysia } from 'elysia'
import { htmlPage } from '../platform/html'
import account from './client/account.js' with { type: 'text' }
import appointment from './client/appointment.js' with { type: 'text' }
import authorize from './client/authorize.js' with { type: 'text' }
import common from './client/common.js' with { type: 'text' }
import resetPassword from './client/reset-password.js' with { type: 'text' }

const PAGE = '<main id="page"></main>'
const hidden = { detail: { hide: true } }

const script = (source: string) => () =>
  new Response(source, { headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache' } })

export const consentPage = () => htmlPage('Allow access', PAGE, '/web/authorize.js')

export function pages() {
  return (
    new Elysia({ name: 'pages' })
      .get('/account', () => htmlPage('Account', PAGE, '/web/account.js'), hidden)
      .get(
        '/reset-password',
        () => htmlPage('A new password', '<h1>A new password</h1><main id="page"></main>', '/web/reset-password.js'),
        hidden,
      )
      // Where the messages about an appointment lead.
      .get('/appointments/:appointmentId', () => htmlPage('Appointment', PAGE, '/web/appointment.js'), hidden)
      .get('/web/appointment.js', script(appointment), hidden)
      .get('/web/common.js', script(common), hidden)
      .get('/web/account.js', script(account), hidden)
      .get('/web/authorize.js', script(authorize), hidden)
      .get('/web/reset-password.js', script(resetPassword), hidden)
  )
}
