/** What `agentctl configure --help` says. */
import { fileVariable } from '../../settings.ts'

export const usage = `agentctl configure [options]

Sets up an agent, from nothing or from the settings that are there, page by page. Every answer can be given as an option; what
is given is not lost when the page is shown, but stands there to be edited. Nothing is written before the last page. What the
settings hold besides is kept, and the file as it was lies beside the new one.

  --settings FILE      the agent's settings file (or ${fileVariable} in the environment)
  --view               show the current configuration, and end
  --yes                ask nothing: what is given, what is there, defaults for the rest
  --anyway             with --yes: go on although a connection does not work
  --json               with --yes or --view: one JSON object instead of text
  --help               this text

Connect to Entra ID
  --tenant-id GUID     the tenant
  --client-id GUID     application of this agent
  --vault-url URL      Key Vault
  --namespace HOST     Service Bus, by the agent's own identity
  --connection-string-file FILE
                       or with the connection string of its SAS rule
  --transport WAY      websockets (if absent) or tcp
  --proxy-url-file FILE
                       HTTP proxy towards Service Bus
  --certificate-file FILE
                       the agent's certificate with its key; without it and the next one is made
  --secret-file FILE   or its client secret
  --register           an administrator who signs in registers a certificate that is made; else how to do it is shown
  --app-url URL        the function app, for --writeback: an administrator signs in there by device code
  --api URI            App ID URI of its registration (ADMIN_AUDIENCE)
  --admin-client GUID  program to sign in with (ADMIN_CLIENT_IDS)

Connect directories; options behind --forest belong to it
  --forest NAME        changes the forest of this name, or adds one
  --domain NAME        DNS name of a domain
  --server URL         ldaps://host[:port], behind its --domain; may be repeated
  --address HOST=IP[:PORT]
                       where a controller is that DNS does not know; may be repeated
  --bind-dn NAME       service account
  --bind-password-file FILE
                       its password; if absent NAME-password beside the settings
  --ca-file FILE       PEM of the authority of the controllers' certificates
  --controllers WHICH  pdcEmulator (if absent) or anyWritable
  --remove-forest NAME and its rules

Domain and OU filtering; options behind --rule belong to it
  --rule NAME          changes the rule of this name, or adds one; without any: everybody in a new forest
  --in-forest NAME     forest
  --base-dn DN         where people are looked for
  --filter FILTER      LDAP filter that they must fit
  --anchor ATTRIBUTE   source anchor
  --precedence N       the lowest wins
  --enabled yes|no
  --remove-rule NAME

  --set KEY=VALUE      any other single setting of docs/operating.md, such as times.ldapMs=8000; may be repeated

Optional features
  --writeback on|off   password writeback, for the whole tenant; as it is, if absent
  --reason TEXT        why: goes into the records
`
