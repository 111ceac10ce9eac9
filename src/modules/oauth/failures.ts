/**
 * What OAuth refuses. Clients get the errors of RFC 6749 (sections 4.1.2.1 and 5.2) and RFC 7009; operators and people,
 * who use the API, get problems like everywhere.
 */
import type { Failures } from '../../platform/http/problem'
import { identityFailures } from '../identity'

export type OAuthApiCode =
  | 'client_not_found'
  | 'client_user_invalid'
  | 'redirect_uri_invalid'
  | 'scope_not_grantable'
  | 'grants_invalid'
  | 'authorization_invalid'
  | 'step_up_required'
  | 'application_not_found'

export const oauthFailures: Failures<OAuthApiCode> = {
  client_not_found: { status: 404, title: 'There is no such client.' },
  client_user_invalid: {
    status: 422,
    title: 'A client with its own credentials acts as an account that is active and a machine’s: an ATM or a biller.',
  },
  redirect_uri_invalid: {
    status: 422,
    title:
      'A redirect URI is absolute, without a fragment: https, http on the loopback address, or an app’s own scheme.',
  },
  scope_not_grantable: { status: 422, title: 'No application may have one of these scopes.' },
  grants_invalid: { status: 422, title: 'These grants do not go together with this kind of client.' },
  authorization_invalid: { status: 422, title: 'The application’s request is not valid any more: begin again there.' },
  step_up_required: identityFailures.step_up_required,
  application_not_found: { status: 404, title: 'You have not allowed such an application.' },
}

/** Errors that clients of OAuth know, each with its status. */
export const oauthErrors = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
} as const

export type OAuthError = keyof typeof oauthErrors

/** What the platform refuses of a form, in the words that clients of OAuth know. */
export function asOAuthError(problem: { detail: string; kind: { status: number } }): Response | undefined {
  const { status } = problem.kind
  if (status !== 400 && status !== 413 && status !== 415 && status !== 422) return undefined
  return Response.json({ error: 'invalid_request', error_description: problem.detail }, { status: 400 })
}
