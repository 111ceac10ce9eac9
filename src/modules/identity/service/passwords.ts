/** Argon2id with the OWASP parameters (m = 19 MiB, t = 2, p = 1), computed off the event loop. */
const ARGON2ID = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const

export const hashSecret = (secret: string): Promise<string> => Bun.password.hash(secret, ARGON2ID)

export const verifySecret = (secret: string, hash: string): Promise<boolean> => Bun.password.verify(secret, hash)

let decoy: Promise<string> | undefined

/** Takes as long as looking at a real password, for an account that does not exist. */
export async function verifyNothing(secret: string): Promise<false> {
  decoy ??= hashSecret('there is no account with this password')
  await verifySecret(secret, await decoy)
  return false
}
