/**
 * The vault's surface, as a table: method, path, the data action it takes, and what it does.
 *
 * `{name}` and `{version}` are segments; a path may end in a slash (the SDKs write one where no version is given) and
 * operation names are compared without regard to case (they write `wrapkey`). Rows without `run` are operations nobody
 * in this product may use: they exist so that they are refused for want of a right, as the real vault would.
 */
import type { Operation } from './call.ts'
import type { makeKeys } from './keys.ts'
import type { makeSecrets } from './secrets.ts'

export type Collection = 'keys' | 'secrets'

export interface Route {
  /** For counting: `keys.decrypt`. */
  operation: string
  method: string
  path: string
  /** Data action without the `Microsoft.KeyVault/vaults/` prefix. */
  action: string
  run?: Operation
}

export function makeRoutes(keys: ReturnType<typeof makeKeys>, secrets: ReturnType<typeof makeSecrets>): Route[] {
  const row = (operation: string, method: string, path: string, action: string, run?: Operation): Route => ({
    operation,
    method,
    path,
    action,
    ...(run ? { run } : {}),
  })
  return [
    row('keys.list', 'GET', '/keys', 'keys/read', keys.list),
    row('keys.create', 'POST', '/keys/{name}/create', 'keys/create/action', keys.create),
    row('keys.listVersions', 'GET', '/keys/{name}/versions', 'keys/read', keys.listVersions),
    row('keys.getRotationPolicy', 'GET', '/keys/{name}/rotationpolicy', 'keyrotationpolicies/read'),
    row('keys.setRotationPolicy', 'PUT', '/keys/{name}/rotationpolicy', 'keyrotationpolicies/write'),
    row('keys.rotate', 'POST', '/keys/{name}/rotate', 'keys/rotate/action'),
    row('keys.backup', 'POST', '/keys/{name}/backup', 'keys/backup/action'),
    row('keys.get', 'GET', '/keys/{name}', 'keys/read', keys.get),
    row('keys.get', 'GET', '/keys/{name}/{version}', 'keys/read', keys.get),
    row('keys.import', 'PUT', '/keys/{name}', 'keys/import/action'),
    row('keys.update', 'PATCH', '/keys/{name}', 'keys/update/action', keys.update),
    row('keys.update', 'PATCH', '/keys/{name}/{version}', 'keys/update/action', keys.update),
    row('keys.delete', 'DELETE', '/keys/{name}', 'keys/delete'),
    row('keys.encrypt', 'POST', '/keys/{name}/{version}/encrypt', 'keys/encrypt/action', keys.use('encrypt')),
    row('keys.decrypt', 'POST', '/keys/{name}/{version}/decrypt', 'keys/decrypt/action', keys.use('decrypt')),
    row('keys.wrap', 'POST', '/keys/{name}/{version}/wrapkey', 'keys/wrap/action', keys.use('wrapKey')),
    row('keys.unwrap', 'POST', '/keys/{name}/{version}/unwrapkey', 'keys/unwrap/action', keys.use('unwrapKey')),
    row('keys.sign', 'POST', '/keys/{name}/{version}/sign', 'keys/sign/action'),
    row('keys.verify', 'POST', '/keys/{name}/{version}/verify', 'keys/verify/action'),
    row('keys.release', 'POST', '/keys/{name}/{version}/release', 'keys/release/action'),
    row('secrets.list', 'GET', '/secrets', 'secrets/readMetadata/action', secrets.list),
    row('secrets.set', 'PUT', '/secrets/{name}', 'secrets/setSecret/action', secrets.set),
    row('secrets.listVersions', 'GET', '/secrets/{name}/versions', 'secrets/readMetadata/action', secrets.listVersions),
    row('secrets.backup', 'POST', '/secrets/{name}/backup', 'secrets/backup/action'),
    row('secrets.get', 'GET', '/secrets/{name}', 'secrets/getSecret/action', secrets.get),
    row('secrets.get', 'GET', '/secrets/{name}/{version}', 'secrets/getSecret/action', secrets.get),
    row('secrets.update', 'PATCH', '/secrets/{name}', 'secrets/update/action', secrets.update),
    row('secrets.update', 'PATCH', '/secrets/{name}/{version}', 'secrets/update/action', secrets.update),
    row('secrets.delete', 'DELETE', '/secrets/{name}', 'secrets/delete'),
  ]
}

export interface Match {
  route: Route
  collection: Collection
  name: string
  version: string | undefined
}

function match(route: Route, segments: string[]): Match | undefined {
  const pattern = route.path.slice(1).split('/')
  if (pattern.length !== segments.length) return undefined
  const taken: Record<string, string> = {}
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (expected.startsWith('{')) taken[expected] = segment
    else if (expected !== segment.toLowerCase()) return undefined
  }
  return { route, collection: pattern[0] === 'keys' ? 'keys' : 'secrets', name: taken['{name}'] ?? '', version: taken['{version}'] }
}

/** The first row that fits: literal paths stand above `{version}` in the table. */
export function findRoute(routes: Route[], method: string, pathname: string): Match | undefined {
  const segments = pathname.split('/').filter((segment) => segment !== '')
  for (const route of routes) {
    const found = route.method === method ? match(route, segments) : undefined
    if (found) return found
  }
  return undefined
}
