#include "server/gateway/pki.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fault.h"
#include "server/gateway/pki-make.h"

#define REMEDY                                                                 \
	"Put a matching pair of gateway.crt and gateway.key (PEM, the key "    \
	"without passphrase) there, or move both away to have new ones made."

/* A key with a passphrase must not make a service ask its terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
	return -1;
}

static void set_tls_fault(GError **error, const char *path, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);
	ERR_clear_error();
	fault_set(error, FAULT_INVALID, REMEDY, "File '%s' %s: %s.", path, what,
		  reason ? reason : "it is damaged");
}

static EVP_PKEY *load_key(const char *path, GError **error)
{
	BIO *file = BIO_new_file(path, "r");
	if (!file) {
		int err = errno;
		ERR_clear_error();
		fault_set(error, FAULT_DENIED,
			  "Make it readable for the gateway's user.",
			  "Key file '%s' cannot be read: %s.", path,
			  g_strerror(err));
		return NULL;
	}
	EVP_PKEY *key =
	    PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL);
	BIO_free(file);
	if (!key)
		set_tls_fault(error, path,
			      "is no private key that can be used");
	return key;
}

/* Sees to it that both files exist; *key is loaded. */
static gboolean provide(const char *key_path, const char *crt_path,
			EVP_PKEY **key, GError **error)
{
	gboolean has_key = g_file_test(key_path, G_FILE_TEST_EXISTS);
	gboolean has_crt = g_file_test(crt_path, G_FILE_TEST_EXISTS);
	if (has_crt && !has_key) {
		fault_set(error, FAULT_INVALID, REMEDY,
			  "Certificate '%s' is there, but its key '%s' is not.",
			  crt_path, key_path);
		return FALSE;
	}
	if (!has_key && !pki_make(NULL, key_path, crt_path, error))
		return FALSE;
	*key = load_key(key_path, error);
	return *key && (has_crt || !has_key ||
			pki_make(*key, key_path, crt_path, error));
}

static char *fingerprint_of(X509 *crt)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	GString *text = g_string_new("SHA256");
	X509_digest(crt, EVP_sha256(), digest, &size);
	for (unsigned i = 0; i < size; i++)
		g_string_append_printf(text, ":%02X", digest[i]);
	return g_string_free(text, FALSE);
}

/* What a program can be told to trust and nothing else. */
static char *self_signed(X509 *crt)
{
	char *text = NULL;
	BIO *memory = BIO_new(BIO_s_mem());
	if (memory && X509_self_signed(crt, 1) == 1 &&
	    PEM_write_bio_X509(memory, crt) == 1) {
		const char *bytes;
		long size = BIO_get_mem_data(memory, &bytes);
		text = g_strndup(bytes, (gsize)size);
	}
	BIO_free(memory);
	return text;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
		   const unsigned char *in, unsigned in_size, void *data)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *choice;
	if (SSL_select_next_proto(&choice, out_size, ours, sizeof ours - 1, in,
				  in_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = choice;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const char *crt_path, EVP_PKEY *key,
			     GError **error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context) {
		set_tls_fault(error, crt_path, "cannot be used");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	/* a connection that just ends is how clients of both protocols leave;
	 * HTTP and RFB know themselves whether something is missing */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* resumption by tickets, whose keys all workers inherit */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* several records with one read() */
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, 32768);
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(context, crt_path) == 1 &&
	    SSL_CTX_use_PrivateKey(context, key) == 1 &&
	    SSL_CTX_check_private_key(context) == 1)
		return context;
	set_tls_fault(error, crt_path, "is no certificate that fits its key");
	SSL_CTX_free(context);
	return NULL;
}

static char *remark_on(const char *key_path, const char *crt_path, X509 *crt)
{
	struct stat st;
	if (X509_cmp_current_time(X509_get0_notAfter(crt)) < 0)
		return g_strdup_printf(
		    "Certificate '%s' has expired. Clients that remember "
		    "its fingerprint go on; put a new pair there and "
		    "reload with SIGHUP.",
		    crt_path);
	if (X509_cmp_current_time(X509_get0_notBefore(crt)) > 0)
		return g_strdup_printf("Certificate '%s' is not valid yet. Is "
				       "this machine's clock right?",
				       crt_path);
	if (stat(key_path, &st) == 0 && (st.st_mode & 077))
		return g_strdup_printf("Key '%s' can be read by others than "
				       "its owner. Mend it with: chmod 600 %s",
				       key_path, key_path);
	return NULL;
}

struct pki *pki_open(const struct paths_root *root, GError **error)
{
	g_autofree char *folder = g_build_filename(root->lib, "pki", NULL);
	g_autofree char *key_path =
	    g_build_filename(folder, "gateway.key", NULL);
	g_autofree char *crt_path =
	    g_build_filename(folder, "gateway.crt", NULL);
	if (g_mkdir_with_parents(folder, 0700) < 0) {
		int err = errno;
		fault_set(error, FAULT_DENIED,
			  "Make it writable for the gateway's user.",
			  "Folder '%s' cannot be made: %s.", folder,
			  g_strerror(err));
		return NULL;
	}
	EVP_PKEY *key = NULL;
	struct pki *pki = NULL;
	ERR_clear_error();
	if (provide(key_path, crt_path, &key, error)) {
		pki = g_new0(struct pki, 1);
		pki->https = make_context(crt_path, key, error);
		pki->rfb =
		    pki->https ? make_context(crt_path, key, error) : NULL;
		if (pki->rfb) {
			X509 *crt = SSL_CTX_get0_certificate(pki->https);
			SSL_CTX_set_alpn_select_cb(pki->https, on_alpn, NULL);
			pki->fingerprint = fingerprint_of(crt);
			pki->certificate = self_signed(crt);
			pki->remark = remark_on(key_path, crt_path, crt);
		} else {
			g_clear_pointer(&pki, pki_close);
		}
	}
	EVP_PKEY_free(key);
	return pki;
}

void pki_close(struct pki *pki)
{
	if (!pki)
		return;
	SSL_CTX_free(pki->https);
	SSL_CTX_free(pki->rfb);
	g_free(pki->fingerprint);
	g_free(pki->certificate);
	g_free(pki->remark);
	g_free(pki);
}
