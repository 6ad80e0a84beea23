"""What generates text: OpenVINO GenAI on a CPU, any OpenAI-compatible server, and a scripted one for dry runs."""
