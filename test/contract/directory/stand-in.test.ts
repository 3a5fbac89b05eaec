import { makeAuthority } from '../../../local/ca.ts'
import { startDirectory } from '../../../local/directory/directory.ts'
import { sampleForest } from '../../../local/directory/seed.ts'
import { directoryContract } from './contract.ts'

directoryContract('local/directory', async () => {
  const forest = sampleForest()
  const authority = await makeAuthority()
  const tls = await authority.issue({ commonName: forest.hostName, dnsNames: [forest.hostName], ipAddresses: [] })
  const { addresses, control, close } = await startDirectory({ tls, forest })
  return { addresses, control, forest, close, ca: authority.ca }
})
