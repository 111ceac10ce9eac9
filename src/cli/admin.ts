/** Makes an operator or gives one a new password, from the machine itself. */
import { createApp } from '../app'
import { SYSTEM } from '../modules/identity'
import type { Verb } from '.'
import { boot } from './boot'
import { CommandError } from './command-error'

export const admin: Verb = {
  name: 'admin',
  summary:
    'Make an operator, give an account a new password, or remove second factors that were lost. On SQLite, stop the server first.',
  usage: 'admin create|reset|reset-factors --email <address> [--name <name>] [--password <password>]',
  flags: {
    'email=': 'The e-mail address of the account.',
    'name=': 'The name of the new operator (default: the address).',
    'password=': 'The password, 8 to 128 characters (default: one is made and printed).',
  },
  async run({ config, words, flags }) {
    const [act] = words
    if (act !== 'create' && act !== 'reset' && act !== 'reset-factors')
      throw new CommandError('Say what to do: kumbu admin create, kumbu admin reset, or kumbu admin reset-factors.')
    const email = String(flags.email ?? '')
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new CommandError('Give the account’s address with --email.')
    const password = flags.password === undefined ? newPassword() : String(flags.password)
    if (password.length < 8 || password.length > 128)
      throw new CommandError('The password must have 8 to 128 characters.')
    const booted = await boot(config)
    try {
      const { identity } = createApp(config, booted.runtime)
      if (act === 'reset-factors') {
        const reset = await identity.people.resetFactors(email, SYSTEM)
        if (!reset.ok) throw new CommandError(`Nobody has the address ${email}.`)
        console.log(`Removed the second factors of ${email}, and signed them out everywhere.`)
        return 0
      }
      const result =
        act === 'create'
          ? await identity.people.create(
              { name: String(flags.name ?? email), email, password, role: 'operator' },
              'system',
            )
          : await identity.people.resetPassword(email, password, 'system')
      if (!result.ok) throw new CommandError(refusals[result.code]?.(email) ?? result.code)
      console.log(`${act === 'create' ? 'Made the operator' : 'Set a new password for'} ${email}.`)
      if (flags.password === undefined) console.log(`Password: ${password}`)
      return 0
    } finally {
      await booted.close()
    }
  },
}

const refusals: Record<string, (email: string) => string> = {
  user_not_found: (email) => `Nobody has the address ${email}.`,
  email_taken: (email) => `The address ${email} is taken: use kumbu admin reset.`,
  password_common: () => 'This password is easy to guess, or was in a data breach: choose another.',
}

function newPassword(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString('base64url')
}
