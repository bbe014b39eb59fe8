{{- /* The pod of a server, with either log. */ -}}
{{- define "tollgate.server" -}}
{{- $name := include "tollgate.name" . -}}
{{- $nats := eq .Values.log "nats" -}}
{{- $guarded := eq .Values.access "guarded" -}}
{{- $reachable := ne .Values.access "first-key" -}}
metadata:
  labels: {{- include "tollgate.labels" (dict "root" . "part" "server") | nindent 4 }}
  annotations:
    checksum/files: {{ printf "%s%s%s" .Values.config .Values.prices .Values.alerts | sha256sum }}
    {{- range $key, $value := .Values.server.annotations }}
    {{ $key }}: {{ $value | quote }}
    {{- end }}
spec:
  serviceAccountName: {{ $name }}
  {{- include "tollgate.pod" . | nindent 2 }}
  {{- with include "tollgate.placement" .Values.server | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  # Running requests are answered for at most 10 s, then the views are committed.
  terminationGracePeriodSeconds: 60
  containers:
    - name: server
      {{- include "tollgate.container" . | nindent 6 }}
      args:
        - serve
        - --listen={{ ternary "0.0.0.0" "127.0.0.1" $reachable }}:7070
        {{- if $reachable }}
        - --allow-remote
        {{- range list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) }}
        - --allow-host={{ . }}
        {{- end }}
        {{- range .Values.hosts }}
        - {{ printf "--allow-host=%s" . | quote }}
        {{- end }}
        {{- range .Values.trustedProxies }}
        - {{ printf "--trusted-proxy=%s" . | quote }}
        {{- end }}
        {{- end }}
        {{- if $guarded }}
        - --tls-cert=/etc/tollgate/tls/tls.crt
        - --tls-key=/etc/tollgate/tls/tls.key
        {{- else if $reachable }}
        - --allow-remote
        {{- end }}
        {{- range .Values.server.args }}
        - {{ . | quote }}
        {{- end }}
      env:
        {{- if $nats }}
        {{- include "tollgate.nats.env" . | nindent 8 }}
        - {name: TOLLGATE_DURABILITY, value: {{ .Values.nats.durability }}}
        {{- with .Values.nats.monitor }}
        - {name: TOLLGATE_NATS_MONITOR, value: {{ . | quote }}}
        {{- end }}
        {{- else }}
        - {name: TOLLGATE_DATA, value: /var/lib/tollgate}
        {{- end }}
        {{- range $file, $variable := dict "config" "CONFIG" "prices" "PRICES" "alerts" "ALERTS" }}
        {{- if index $.Values $file }}
        - {name: TOLLGATE_{{ $variable }}, value: /etc/tollgate/files/{{ include "tollgate.file" $file }}}
        {{- end }}
        {{- end }}
        {{- with .Values.server.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if $reachable }}
      ports:
        - {name: api, containerPort: 7070, protocol: TCP}
      {{- end }}
      # A server that is not ready says why in /v1/health. What would be better after a restart ends the process by itself: there is
      # no liveness probe, since a full disk or a NATS server that is away is not repaired by one.
      startupProbe:
        {{- include "tollgate.probe" . | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: {{ div (add .Values.server.startupSeconds 4) 5 }}
      readinessProbe:
        {{- include "tollgate.probe" . | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      resources: {{ toJson .Values.server.resources }}
      volumeMounts:
        {{- if $nats }}
        {{- with include "tollgate.nats.mounts" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        - {name: work, mountPath: /var/lib/tollgate}
        {{- else }}
        - {name: data, mountPath: /var/lib/tollgate}
        {{- end }}
        {{- if or .Values.config .Values.prices .Values.alerts }}
        - {name: files, mountPath: /etc/tollgate/files, readOnly: true}
        {{- end }}
        {{- if .Values.secretName }}
        - {name: secrets, mountPath: /etc/tollgate/secrets, readOnly: true}
        {{- end }}
        {{- if $guarded }}
        - {name: tls, mountPath: /etc/tollgate/tls, readOnly: true}
        {{- end }}
  {{- with include "tollgate.server.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- /* Whether it is ready. A server that only its own pod reaches is asked from inside. */ -}}
{{- define "tollgate.probe" -}}
{{- if eq .Values.access "first-key" -}}
exec:
  command: [tollgate, ready, "http://127.0.0.1:7070"]
{{- else -}}
httpGet:
  path: /v1/ready
  port: api
  scheme: {{ ternary "HTTPS" "HTTP" (eq .Values.access "guarded") }}
  httpHeaders:
    - {name: Host, value: localhost}
{{- end }}
{{- end }}

{{- define "tollgate.file" -}}
{{ get (dict "config" "phase_budgets.yaml" "prices" "prices.json" "alerts" "alerts.yaml") . }}
{{- end }}

{{- define "tollgate.server.volumes" -}}
{{- if eq .Values.log "nats" }}
{{ include "tollgate.nats.volumes" . }}
- name: work
  emptyDir: {sizeLimit: 1Gi}
{{- else if .Values.storage.existingClaim }}
- name: data
  persistentVolumeClaim: {claimName: {{ .Values.storage.existingClaim }}}
{{- end }}
{{- if or .Values.config .Values.prices .Values.alerts }}
- name: files
  configMap: {name: {{ include "tollgate.name" . }}}
{{- end }}
{{- with .Values.secretName }}
- name: secrets
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- if eq .Values.access "guarded" }}
- name: tls
  secret: {secretName: {{ .Values.tls.secretName }}, defaultMode: 0400}
{{- end }}
{{- end }}
