/** Prints the OpenAPI document, for generating clients. */
import { createApp } from '../app'
import type { Verb } from '.'
import { describingRuntime } from './describing'

export const openapi: Verb = {
  name: 'openapi',
  summary: 'Print the OpenAPI document. Needs no database.',
  usage: 'openapi > kumbu.json',
  flags: {},
  async run({ config }) {
    console.log(JSON.stringify(createApp({ ...config, mode: 'production' }, describingRuntime()).document(), null, 2))
    return 0
  },
}
