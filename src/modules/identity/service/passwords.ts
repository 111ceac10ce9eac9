/**
 * Argon2id with the OWASP parameters (m = 19 MiB, t = 2, p = 1), computed off the event loop. Passwords take their turn
 * on a thread of the lowest priority; a PIN, which authorizes money, never waits behind them.
 */
import { createPasswordHasher, type PasswordHasher } from '../../../platform/security/password-hasher'

const ARGON2ID = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const

let shared: PasswordHasher | undefined

function passwords(): PasswordHasher {
  shared ??= createPasswordHasher()
  return shared
}

/** Throws `HasherBusyError` when too many passwords wait, as the others for passwords do. */
export const hashSecret = (secret: string): Promise<string> => passwords().hash(secret)

export const verifySecret = (secret: string, hash: string): Promise<boolean> => passwords().verify(secret, hash)

export const hashPinSecret = (secret: string): Promise<string> => Bun.password.hash(secret, ARGON2ID)

export const verifyPinSecret = (secret: string, hash: string): Promise<boolean> => Bun.password.verify(secret, hash)

let decoy: Promise<string> | undefined

/** Takes as long as looking at a real password, for an account that does not exist. */
export async function verifyNothing(secret: string): Promise<false> {
  decoy ??= Bun.password.hash('there is no account with this password', ARGON2ID)
  await verifySecret(secret, await decoy)
  return false
}
