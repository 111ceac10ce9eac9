/** Words that depend on a value of a closed set, as Liquid, so that an operator who changes them sees all of them. */
export function choose<Value extends string>(name: string, words: Record<Value, string>, otherwise?: string): string {
  const cases = Object.entries<string>(words).map(([value, said]) => `{% when "${value}" %}${said}`)
  const rest = otherwise === undefined ? '' : `{% else %}${otherwise}`
  return `{% case ${name} %}${cases.join('')}${rest}{% endcase %}`
}

export const paragraphs = (...them: string[]): string => them.join('\n\n')
