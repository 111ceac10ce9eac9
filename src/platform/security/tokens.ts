/** Random tokens with so many bits that a plain hash is enough to keep: nobody guesses one, and nobody turns the hash round. */
import type { Random } from '../ids'

const TOKEN_BYTES = 32

export const newToken = (random: Random): string => Buffer.from(random(TOKEN_BYTES)).toString('base64url')

export const hashOfToken = (token: string): string => new Bun.CryptoHasher('sha256').update(token).digest('base64url')
