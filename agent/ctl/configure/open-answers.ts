/** What is taken where nothing was said, and what then still keeps settings from being used, with the option that answers it. */
import { existsSync } from 'node:fs'
import { fileProblem, parseSettings } from '../../settings.ts'
import type { Draft } from './draft.ts'
import { unusedCertificate } from './page-cloud.ts'
import { passwordFileOf } from './page-directories.ts'
import { withRules } from './page-filtering.ts'
import { certificate, clientSecret, flagFor } from './questions.ts'
import { isJson, itemNamed, type Json, namesIn, textAt, valueAt, withItem, withValue } from './settings-edit.ts'

export const withDefaults = (settings: Json, folder: string, forestsThere: readonly string[] = []): Json =>
  namesIn(settings, 'forests').reduce(
    (before, name) => {
      if (itemNamed(before, 'forests', name)['bindPasswordFile'] !== undefined) return before
      return withItem(before, 'forests', name, { bindPasswordFile: passwordFileOf(before, name, folder) })
    },
    withRules(withCertificate(settings), forestsThere),
  )

/** A new one, unless it is said how else the agent proves who it is. */
function withCertificate(settings: Json): Json {
  const proofs = [certificate, clientSecret].map(({ key }) => textAt(settings, key))
  return proofs.every((file) => file === undefined) ? withValue(settings, certificate.key, unusedCertificate(settings)) : settings
}

/** Where the agent's certificate will be, if it is still to be made. */
export function certificateToMake({ settings }: Pick<Draft, 'settings'>): string | undefined {
  if (textAt(settings, clientSecret.key) !== undefined) return undefined
  const file = textAt(settings, certificate.key)
  return file === undefined || existsSync(file) ? undefined : file
}

/** One line each; none: it can be written, and an agent would start with it. */
export function openAnswers({ settings, passwords }: Pick<Draft, 'settings' | 'passwords'>): string[] {
  const made = certificateToMake({ settings })
  // Without these, all that is told of an absent part is that it is absent.
  const whole = { relay: {}, vault: {}, identity: {}, forests: [], rules: [], ...settings }
  const { settings: parsed, problems } = parseSettings(whole)
  const open = problems.map((problem) => withFlag(problem, whole))
  const files = parsed?.forests.flatMap(({ name, bindPasswordFile, caFile }) => [
    ...(passwords.has(name) ? [] : [[`password of ${name}`, fileProblem(bindPasswordFile, 'private')] as const]),
    ...(caFile === undefined ? [] : [[`authority of ${name}`, fileProblem(caFile, 'readable')] as const]),
  ])
  const secret = parsed?.identity.certificateFile ?? parsed?.identity.secretFile
  const identity = secret === undefined || secret === made ? undefined : fileProblem(secret, 'private')
  return [
    ...open,
    ...[...(files ?? []), ['credential', identity] as const].flatMap(([what, no]) => (no === undefined ? [] : [`${what}: ${no}`])),
  ]
}

/** Whoever shall switch password writeback must sign in somewhere. */
export function openAdministrator({ writeback, administrator: { url, api, client } }: Draft): string[] {
  if (writeback === 'asItIs') return []
  const needed = { '--app-url': url, '--api': api, '--admin-client': client }
  return Object.entries(needed).flatMap(([flag, given]) =>
    given === undefined ? [`password writeback: is not to be switched without ${flag}`] : [],
  )
}

function withFlag(problem: string, settings: Json): string {
  const [path = ''] = problem.split(':')
  const flag = flagFor(path)
  const said = path !== 'settings' && valueIn(settings, path) === undefined ? `${path}: is missing` : problem
  return flag === undefined ? said : `${said} (${flag})`
}

/** `forests.0.bindDn` */
function valueIn(settings: Json, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, name) => {
    if (Array.isArray(inner)) return inner[Number(name)]
    return isJson(inner) ? valueAt(inner, name) : undefined
  }, settings)
}
