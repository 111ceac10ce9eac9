/** Tells which Kumbu this is. */
import { VERSION } from '../app'
import type { Verb } from '.'

export const version: Verb = {
  name: 'version',
  summary: 'Print the version.',
  usage: 'version',
  flags: {},
  async run() {
    console.log(`kumbu ${VERSION} (bun ${Bun.version}, ${process.platform} ${process.arch})`)
    return 0
  },
}
