/** The templates that every instance has. */
import type { Language, Words } from '../template'
import type { TemplateName } from './data'
import { en } from './en'
import { facts } from './facts'
import { fr } from './fr'
import { pt } from './pt'

const byLanguage: Record<Language, Record<TemplateName, Words>> = { en, pt, fr }

export const templateNames = Object.keys(facts) as TemplateName[]

export const factsOf = <Name extends TemplateName>(name: Name) => facts[name]

export const builtInWords = (name: TemplateName, language: Language): Words => byLanguage[language][name]

export const isTemplateName = (name: string): name is TemplateName => Object.hasOwn(facts, name)
