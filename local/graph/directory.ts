/** The applications of the tenant, where `local/entra` keeps them: read for each request, so that nothing here is ever older. */
import https from 'node:https'
import { type DirectoryAccess, directoryPath, type RegisteredApplication } from '../entra/applications.ts'

export type { RegisteredApplication } from '../entra/applications.ts'

export interface Applications {
  /** By object id or by application id. */
  find(key: { id: string } | { appId: string }): Promise<RegisteredApplication | undefined>
  /** PEM, all of them. */
  setCertificates(appId: string, certificates: readonly string[]): Promise<void>
}

export function openApplications(access: DirectoryAccess | undefined): Applications {
  const ask = (method: string, path: string, body?: string) => (access ? askDirectory(access, method, path, body) : Promise.resolve('[]'))
  return {
    async find(key) {
      const all: RegisteredApplication[] = JSON.parse(await ask('GET', ''))
      const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
      return all.find((each) => ('id' in key ? same(each.id, key.id) : same(each.appId, key.appId)))
    },
    setCertificates: async (appId, certificates) => void (await ask('PUT', `/${appId}`, JSON.stringify(certificates))),
  }
}

function askDirectory({ url, key, ca }: DirectoryAccess, method: string, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { method, ca, agent: false, headers: { authorization: `Bearer ${key}` } }
    const request = https.request(`${url}${directoryPath}${path}`, options, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString()
      if ((response.statusCode ?? 500) < 300) resolve(text)
      else reject(new Error(`the directory answered ${response.statusCode}`))
    })
    request.on('error', reject).end(body)
  })
}
