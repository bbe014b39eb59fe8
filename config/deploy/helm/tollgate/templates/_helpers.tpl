{{- define "tollgate.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "tollgate" $name) }}{{ $name = printf "%s-tollgate" $name }}{{ end -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- /* What names the pods of one part: dict "root" $ "part" "server". It never changes. */ -}}
{{- define "tollgate.selector" -}}
app.kubernetes.io/name: tollgate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "tollgate.labels" -}}
{{ include "tollgate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "tollgate.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- /* The fields of every pod: the level `restricted`, and no more of the cluster than it needs. The links to
services would be variables such as TOLLGATE_PORT. */ -}}
{{- define "tollgate.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "tollgate.container" -}}
image: {{ include "tollgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /* Where pods go: the values of a part. */ -}}
{{- define "tollgate.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}

{{- /* How NATS is reached: variables, and the volumes that they name. */ -}}
{{- define "tollgate.nats.env" -}}
- {name: TOLLGATE_LOG, value: {{ .Values.nats.url | quote }}}
- {name: TOLLGATE_STREAM, value: {{ .Values.nats.stream | quote }}}
{{- if .Values.nats.credsSecretName }}
- {name: TOLLGATE_NATS_CREDS, value: /etc/tollgate/nats/user.creds}
{{- end }}
{{- if .Values.nats.caSecretName }}
- {name: TOLLGATE_NATS_CA, value: /etc/tollgate/nats-ca/ca.crt}
{{- end }}
{{- end }}

{{- define "tollgate.nats.mounts" -}}
{{- if .Values.nats.credsSecretName }}
- {name: nats-creds, mountPath: /etc/tollgate/nats, readOnly: true}
{{- end }}
{{- if .Values.nats.caSecretName }}
- {name: nats-ca, mountPath: /etc/tollgate/nats-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "tollgate.nats.volumes" -}}
{{- with .Values.nats.credsSecretName }}
- name: nats-creds
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- with .Values.nats.caSecretName }}
- name: nats-ca
  secret: {secretName: {{ . }}, defaultMode: 0444}
{{- end }}
{{- end }}
