/** The service account by which Google knows us: the JSON file that its console hands out. */
import { createPrivateKey } from 'node:crypto'
import { fail, ok, type Result } from '../../../platform/result'

export interface ServiceAccount {
  project_id: string
  client_email: string
  private_key: string
  token_uri?: string
}

/** What is wrong is said without repeating what the file holds. */
export function parseServiceAccount(json: string): Result<ServiceAccount, 'service_account_invalid'> {
  const wrong = (detail: string) => fail('service_account_invalid', detail)
  const account = objectOf(json)
  if (account === undefined) return wrong('The service account is not a JSON object.')
  if (account.type !== undefined && account.type !== 'service_account') {
    return wrong('The file is of another type: its "type" must be "service_account".')
  }
  const { project_id, client_email, private_key, token_uri } = account
  if (!isText(project_id)) return wrong('The service account has no "project_id".')
  if (!isText(client_email)) return wrong('The service account has no "client_email".')
  if (!isText(private_key)) return wrong('The service account has no "private_key".')
  if (!/^[a-z0-9.:-]{1,100}$/.test(project_id))
    return wrong('The "project_id" of the service account is no name of a project.')
  if (!isRsaKey(private_key)) return wrong('The "private_key" of the service account is no RSA key in PEM.')
  if (token_uri === undefined) return ok({ project_id, client_email, private_key })
  if (!isText(token_uri) || !isSafe(token_uri)) {
    return wrong('The "token_uri" of the service account is no https address.')
  }
  return ok({ project_id, client_email, private_key, token_uri })
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

function objectOf(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** What never leaves this machine needs no encryption. */
function isSafe(address: string): boolean {
  const { protocol, hostname } = URL.parse(address) ?? {}
  return protocol === 'https:' || (protocol === 'http:' && (hostname === '127.0.0.1' || hostname === 'localhost'))
}

function isRsaKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa'
  } catch {
    return false
  }
}
