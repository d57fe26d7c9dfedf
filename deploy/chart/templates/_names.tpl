{{- define "darkmap.selector" -}}
app.kubernetes.io/name: darkmap
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- with .family }}
darkmap/family: {{ . }}
{{- end }}
{{- end }}

{{- define "darkmap.labels" -}}
{{ include "darkmap.selector" . }}
app.kubernetes.io/part-of: darkmap
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end }}

{{- define "darkmap.image" -}}
{{- $i := .Values.image -}}
{{ $i.repository }}{{ if $i.digest }}@{{ $i.digest }}{{ else }}:{{ $i.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* What a pod is made of that cannot be changed while it runs. Jobs carry it in their names. */ -}}
{{- define "darkmap.hash" -}}
{{ printf "%s\n%s\n%s\n%s" (include "darkmap.image" .) (toYaml .Values.config) (toYaml .Values.components) (toYaml .Values.kafka) | sha256sum | trunc 8 }}
{{- end }}

{{- define "darkmap.configHash" -}}
{{ toYaml .Values.config | sha256sum | trunc 16 }}
{{- end }}
