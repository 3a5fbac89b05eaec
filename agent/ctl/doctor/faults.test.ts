/** Faults are planted one by one; each is named by its own line, and what does not depend on it still passes. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority } from '../../../local/ca.ts'
import { startDirectory } from '../../../local/directory/directory.ts'
import { makeCertificate } from '../../../local/entra/certificate.ts'
import type { Finding } from './checks.ts'
import { complaints, deadEnd, host, type Patient, type Settings, shifted, startPatient } from './doctor.fixture.ts'

let patient: Patient
beforeAll(async () => {
  patient = await startPatient()
})
afterAll(() => patient.close())

const withState = (findings: readonly Finding[], state: Finding['state']) =>
  findings.filter((each) => each.state === state).map(({ check }) => check)
const ofCorp = (settings: Settings) => settings.forests[0]
const dayMs = 86_400_000
/** A label is 63 octets at most (RFC 1035 section 2.3.4): refused before anybody is asked. */
const noName = `${'a'.repeat(64)}.test`

test('all right', async () => {
  const findings = await patient.examine()
  expect(complaints(findings)).toEqual([])
  expect(withState(findings, 'skipped')).toEqual([])
})

interface Planted {
  name: string
  /** Plants it; what comes back takes it away. */
  plant(): Promise<{ file?: string; clock?: ReturnType<typeof shifted>; undo?(): unknown }>
  /** Every line that fails or warns. */
  expected: string[]
  /** What cannot be known then. */
  unknown?: string[]
}

const insideController = ['bind', 'domain', 'policy-hints', 'clock-directory', 'pdc-emulator']
const belowController = ['service-account', 'rule-base', 'rights', 'rights-people', 'inheritance', 'admin-count']
const changed = async (change: (settings: Settings) => unknown) => ({ file: await patient.changed(change) })

async function controllerWith(tls: { ca: string; cert: string; key: string }) {
  const other = await startDirectory({ tls, forest: patient.forest })
  const caFile = join(patient.folder, 'other-ca.pem')
  await writeFile(caFile, tls.ca)
  const addresses = { [host]: new URL(other.addresses.ldaps).host }
  const { file } = await changed((settings) => Object.assign(ofCorp(settings), { addresses, caFile }))
  return { file, undo: () => other.close() }
}

/** A domain controller in the configuration container that holds the role. */
async function emulatorAt(name: string) {
  const { baseDn } = patient.forest
  const server = `CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,${baseDn}`
  patient.directory.control.setAttributes(server, { dNSHostName: name })
  const address = await deadEnd()
  const { file } = await changed((settings) => Object.assign(ofCorp(settings).addresses, { [name]: address }))
  return { file, undo: () => patient.directory.control.setAttributes(server, { dNSHostName: host }) }
}

const bySas = (rule: string) => async () => {
  const { ws } = patient.bus.addresses
  const connectionStringFile = await patient.secretFile(`Endpoint=sb://localhost:${ws};SharedAccessKeyName=${rule};SharedAccessKey=key`)
  return changed((settings) => {
    settings.relay = { transport: 'websockets', connectionStringFile }
  })
}

const planted: Planted[] = [
  {
    name: 'a bind password that is wrong',
    plant: async () => {
      const bindPasswordFile = await patient.secretFile('Not-The-Word-1')
      return changed((settings) => Object.assign(ofCorp(settings), { bindPasswordFile }))
    },
    expected: [`bind ${host}`],
    unknown: [...insideController.slice(1), ...belowController],
  },
  {
    name: 'another authority',
    plant: async () => {
      const caFile = join(patient.folder, 'stranger.pem')
      await writeFile(caFile, (await makeAuthority()).ca)
      return changed((settings) => Object.assign(ofCorp(settings), { caFile }))
    },
    expected: [`certificate-chain ${host}`],
    unknown: [...insideController, ...belowController],
  },
  {
    name: 'a certificate for another name',
    plant: async () => controllerWith(await patient.issue(undefined, 'dc7.corp.example.test')),
    expected: [`certificate-name ${host}`],
    unknown: [...insideController, ...belowController],
  },
  {
    name: 'a certificate that has expired',
    plant: async () => controllerWith(await patient.issue(shifted(-100 * dayMs))),
    expected: [`certificate-expiry ${host}`],
    unknown: [...insideController, ...belowController],
  },
  {
    name: 'a certificate that is about to expire',
    plant: async () => controllerWith(await patient.issue(shifted(-70 * dayMs))),
    expected: [`certificate-expiry ${host}`],
  },
  {
    name: 'a controller that cannot be reached',
    plant: async () => {
      const address = await deadEnd()
      return changed((settings) => Object.assign(ofCorp(settings).addresses, { [host]: address }))
    },
    expected: [`port ${host}`],
    unknown: ['certificate-chain', 'certificate-name', 'certificate-expiry', ...insideController, ...belowController],
  },
  {
    name: 'one of two controllers that DNS does not know',
    plant: async () => changed((settings) => void ofCorp(settings).domains[0].servers.unshift(`ldaps://${noName}`)),
    expected: [`dns ${noName}`],
    unknown: ['port', 'certificate-chain', 'certificate-name', 'certificate-expiry', ...insideController.slice(0, -1)],
  },
  {
    name: 'a controller of another domain',
    plant: async () =>
      changed((settings) => {
        ofCorp(settings).domains[0].name = 'other.example.test'
        settings.rules[0].baseDn = 'DC=other,DC=example,DC=test'
      }),
    expected: [`domain ${host}`],
    unknown: ['pdc-emulator', ...belowController],
  },
  {
    name: 'no policy-hints control',
    plant: async () => {
      const { control } = patient.directory
      control.setSupportedControls(['1.2.840.113556.1.4.319', '1.2.840.113556.1.4.801'])
      return { undo: () => control.setSupportedControls(allControls) }
    },
    expected: [`policy-hints ${host}`],
  },
  {
    name: 'a PDC emulator that cannot be reached',
    plant: () => emulatorAt('dc9.corp.example.test'),
    expected: ['pdc-emulator corp.example.test'],
  },
  {
    name: 'a role that nobody holds',
    plant: async () => {
      const { control } = patient.directory
      const settings = `CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,${patient.forest.baseDn}`
      control.setAttributes(patient.forest.baseDn, { fSMORoleOwner: null })
      return { undo: () => control.setAttributes(patient.forest.baseDn, { fSMORoleOwner: settings }) }
    },
    expected: ['pdc-emulator corp.example.test'],
  },
  {
    name: 'one of the four permissions missing',
    plant: async () => {
      const { control, forest } = patient.directory
      const { dn, scope } = forest.serviceAccount
      control.revoke(dn)
      control.grant(dn, scope, ['resetPassword', 'changePassword', 'lockoutTime'])
      return { undo: () => control.grant(dn, scope, ['pwdLastSet']) }
    },
    expected: ['rights everybody'],
  },
  {
    name: 'inheritance blocked on one of the people',
    plant: async () => {
      const bob = patient.directory.control.user('bob.brown').dn
      await patient.blockInheritance(bob, true)
      return { undo: () => patient.blockInheritance(bob, false) }
    },
    expected: ['inheritance everybody'],
  },
  {
    name: 'a mark of protection that was left behind',
    plant: async () => {
      patient.directory.control.setAttributes('bob.brown', { adminCount: 1 })
      return { undo: () => patient.directory.control.setAttributes('bob.brown', { adminCount: null }) }
    },
    expected: ['admin-count everybody'],
  },
  {
    name: 'a base that is not there',
    plant: async () => changed((settings) => Object.assign(settings.rules[0], { baseDn: `OU=Nowhere,${patient.forest.baseDn}` })),
    expected: ['rule-base everybody'],
    unknown: belowController.slice(2),
  },
  {
    name: 'a base that is wider than what was granted',
    plant: async () => ({ file: patient.installed }),
    expected: ['rights everybody'],
  },
  { name: 'Service Bus without Listen', plant: bySas('deaf'), expected: ['listen requests'] },
  { name: 'Service Bus without Send', plant: bySas('mute'), expected: ['send replies'] },
  {
    name: 'no right in the vault',
    plant: async () => {
      const { control } = patient.test.vault
      control.grant(patient.agent.objectId, null)
      return { undo: () => control.grant(patient.agent.objectId, 'agent') }
    },
    expected: ['package-key', 'password-key'],
  },
  {
    name: 'no right to decrypt',
    plant: async () => {
      const { control } = patient.test.vault
      control.grant(patient.agent.objectId, 'functions') // whose identity reads the secret and must not decrypt
      return { undo: () => control.grant(patient.agent.objectId, 'agent') }
    },
    expected: ['password-key'],
  },
  {
    name: 'a client certificate that nobody registered',
    plant: async () => {
      const { certificate, key } = await makeCertificate('stranger')
      const certificateFile = await patient.secretFile(`${key}\n${certificate}`)
      return changed((settings) => Object.assign(settings.identity, { certificateFile }))
    },
    expected: ['token Service Bus', 'token Key Vault'],
    unknown: ['renewal', 'listen', 'send', 'send', 'package-key', 'password-key'],
  },
  {
    name: 'a clock that is two minutes ahead',
    plant: async () => ({ clock: shifted(120_000) }),
    expected: [`clock-directory ${host}`, 'clock-cloud by the Date of Key Vault'],
  },
  {
    name: 'a service account that is an administrator',
    plant: async () =>
      changed((settings) => {
        ofCorp(settings).bindDn = patient.forest.administrator.dn
        ofCorp(settings).bindPasswordFile = administratorFile
      }),
    expected: ['service-account corp', 'rights everybody'],
  },
]

let administratorFile: string
let allControls: string[]
beforeAll(async () => {
  administratorFile = await patient.secretFile(patient.forest.administrator.password)
  allControls = ['319', '801', '1339', '1413', '2239', '2066'].map((last) => `1.2.840.113556.1.4.${last}`)
})

describe('is named by its own line, and nothing else is', () => {
  test.each(planted)('$name', async ({ plant, expected, unknown = [] }) => {
    const { undo, ...over } = await plant()
    try {
      const findings = await patient.examine(over)
      expect(complaints(findings)).toEqual(expected)
      expect(withState(findings, 'skipped').sort()).toEqual([...unknown].sort())
      for (const finding of findings)
        expect('todo' in finding, finding.check).toBe(finding.state === 'failed' || finding.state === 'warning')
    } finally {
      await undo?.()
    }
  })

  test('and is gone when it is mended', async () => {
    expect(complaints(await patient.examine())).toEqual([])
  })
})

test('broken settings: every problem is a line, and nothing is contacted', async () => {
  const file = await patient.changed((settings) => {
    settings.tenantId = 'none'
    settings.vault.url = 'http://vault'
    Object.assign(settings, { colour: 'blue' })
  })
  const findings = await patient.examine({ file })
  expect(findings.map(({ check, state, text }) => [check, state, text.split(':')[0]])).toEqual([
    ['settings', 'failed', 'tenantId'],
    ['settings', 'failed', 'vault.url'],
    ['settings', 'failed', 'settings'],
  ])
})

test('a wrong password is tried once, whatever the number of controllers', async () => {
  const bindPasswordFile = await patient.secretFile('Not-The-Word-2')
  const file = await patient.changed((settings) => {
    const corp = ofCorp(settings)
    Object.assign(corp, { bindPasswordFile })
    corp.domains[0].servers.push('ldaps://dc2.corp.example.test')
    corp.addresses['dc2.corp.example.test'] = corp.addresses[host] ?? ''
  })
  const before = patient.directory.control.user('svc-writeback').badPwdCount
  await patient.examine({ file })
  expect(patient.directory.control.user('svc-writeback').badPwdCount).toBe(before + 1)
})

test('nothing was sent, taken or written', async () => {
  const before = patient.directory.control.writes()
  await patient.examine()
  const stats = patient.bus.control.stats()
  for (const queue of ['requests', 'replies', 'events']) expect(stats[queue], queue).toMatchObject({ sent: 0, delivered: 0 })
  expect(patient.directory.control.writes()).toEqual(before)
})
