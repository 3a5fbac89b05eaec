/**
 * The resources the local tenant gives tokens for, and how a client may spell them.
 *
 * A scope is a resource plus `/.default`. Service Bus' SDK asks for `https://servicebus.azure.net//.default`: its resource
 * ends in a slash, and the real tenant copies that slash into `aud`, so receivers accept both spellings.
 */

export const resources = ['https://vault.azure.net', 'https://graph.microsoft.com', 'https://servicebus.azure.net'] as const
export type Resource = (typeof resources)[number]

const defaultSuffix = '/.default'

/** The resource a spelling means, or `undefined` if this tenant knows no such resource. */
export function resourceNamed(spelling: string): Resource | undefined {
  return resources.find((each) => spelling === each || spelling === `${each}/`)
}

/** The resource part of a `…/.default` scope, as spelt; `undefined` when the scope is of another form. */
export function resourceOfScope(scope: string): string | undefined {
  return scope.endsWith(defaultSuffix) ? scope.slice(0, -defaultSuffix.length) : undefined
}
