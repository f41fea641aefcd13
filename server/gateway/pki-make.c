#include "server/gateway/pki-make.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"

#define YEARS 10
/* a clock that is a little slow elsewhere must not make us "not yet valid" */
#define BACKDATE_S    86400
#define ADDRESSES_MAX 32

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

static void add_name(GString *names, const char *kind, const char *name)
{
	g_autofree char *entry = g_strdup_printf("%s:%s", kind, name);
	g_auto(GStrv) known = g_strsplit(names->str, ",", -1);
	if (g_strv_contains((const char *const *)known, entry))
		return;
	g_string_append_printf(names, "%s%s", names->len ? "," : "", entry);
}

/* What openssl's configuration language would list as subjectAltName. */
static char *all_names(const char *host)
{
	GString *names = g_string_new(NULL);
	struct ifaddrs *list = NULL;
	unsigned count = 0;
	add_name(names, "DNS", host);
	add_name(names, "DNS", "localhost");
	add_name(names, "IP", "127.0.0.1");
	add_name(names, "IP", "::1");
	if (getifaddrs(&list) < 0)
		list = NULL;
	for (struct ifaddrs *i = list; i && count < ADDRESSES_MAX;
	     i = i->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		const void *bytes;
		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			bytes = &((struct sockaddr_in *)i->ifa_addr)->sin_addr;
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			const struct in6_addr *six =
			    &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;
			if (IN6_IS_ADDR_LINKLOCAL(six))
				continue; /* means nothing to others */
			bytes = six;
		} else {
			continue;
		}
		if (inet_ntop(i->ifa_addr->sa_family, bytes, text,
			      sizeof text)) {
			add_name(names, "IP", text);
			count++;
		}
	}
	if (list)
		freeifaddrs(list);
	return g_string_free(names, FALSE);
}

/* Host names that a certificate cannot carry are left out. */
static char *host_name(void)
{
	const char *host = g_get_host_name();
	gboolean fits = *host && strlen(host) <= 64;
	for (const char *c = host; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '-' && *c != '.')
			fits = FALSE;
	return g_strdup(fits ? host : "localhost");
}

static gboolean extend(X509 *crt, int kind, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, crt, crt, NULL, NULL, 0);
	X509_EXTENSION *extension =
	    X509V3_EXT_conf_nid(NULL, &context, kind, value);
	gboolean added = extension && X509_add_ext(crt, extension, -1);
	X509_EXTENSION_free(extension);
	return added;
}

static X509 *certify(EVP_PKEY *key)
{
	g_autoptr(X509) crt = X509_new();
	g_autofree char *host = host_name();
	g_autofree char *names = all_names(host);
	unsigned char serial[16];
	BIGNUM *number = NULL;
	gboolean fine = crt && RAND_bytes(serial, sizeof serial) == 1;
	serial[0] &= 0x7f; /* RFC 5280, 4.1.2.2: positive */
	number = BN_bin2bn(serial, sizeof serial, NULL);
	fine = fine && number &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(crt));
	BN_free(number);
	if (!fine)
		return NULL;
	X509_NAME *name = X509_get_subject_name(crt);
	fine =
	    X509_set_version(crt, X509_VERSION_3) &&
	    X509_gmtime_adj(X509_getm_notBefore(crt), -BACKDATE_S) &&
	    X509_time_adj_ex(X509_getm_notAfter(crt), 365 * YEARS, 0, NULL) &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				       (unsigned char *)host, -1, -1, 0) &&
	    X509_set_issuer_name(crt, name) && X509_set_pubkey(crt, key) &&
	    extend(crt, NID_basic_constraints, "critical,CA:FALSE") &&
	    extend(crt, NID_key_usage, "critical,digitalSignature") &&
	    extend(crt, NID_ext_key_usage, "serverAuth") &&
	    extend(crt, NID_subject_key_identifier, "hash") &&
	    extend(crt, NID_subject_alt_name, names) &&
	    X509_sign(crt, key, EVP_sha256());
	return fine ? g_steal_pointer(&crt) : NULL;
}

/* Through a temporary file, on disk before it has its name. */
static gboolean write_file(const char *path, int mode, BIO *contents,
			   GError **error)
{
	g_autofree char *draft = g_strconcat(path, ".new", NULL);
	char *bytes;
	long size = BIO_get_mem_data(contents, &bytes);
	unlink(draft); /* of a start that was cut */
	int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	gboolean done = fd >= 0 && write(fd, bytes, (size_t)size) == size &&
			fsync(fd) == 0 && rename(draft, path) == 0;
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (done)
		return TRUE;
	unlink(draft);
	fault_set(error, err == ENOSPC ? FAULT_STORAGE : FAULT_DENIED,
		  "Make the folder writable for the service's user and see "
		  "that the disk is not full.",
		  "File '%s' cannot be written: %s.", path, g_strerror(err));
	return FALSE;
}

gboolean pki_make(EVP_PKEY *key, const char *key_path, const char *crt_path,
		  GError **error)
{
	g_autoptr(EVP_PKEY) fresh = key ? NULL : EVP_EC_gen("P-256");
	g_autoptr(X509) crt = certify(key ? key : fresh);
	g_autoptr(BIO) key_pem = BIO_new(BIO_s_secmem());
	g_autoptr(BIO) crt_pem = BIO_new(BIO_s_mem());
	if (!crt || !key_pem || !crt_pem || !PEM_write_bio_X509(crt_pem, crt) ||
	    (fresh && !PEM_write_bio_PKCS8PrivateKey(key_pem, fresh, NULL, NULL,
						     0, NULL, NULL))) {
		fault_set(error, FAULT_INTERNAL, NULL,
			  "A certificate cannot be made: %s.",
			  ERR_reason_error_string(ERR_get_error()));
		return FALSE;
	}
	if (fresh && !write_file(key_path, 0600, key_pem, error))
		return FALSE;
	return write_file(crt_path, 0644, crt_pem, error);
}
