/* One element a line, indented by what stands open; a component is opened
 * with the attributes that all of them have. Settings that a version does not
 * know end its setup, so each is written for those that do. */
#include "server/image/answers.h"

#include <string.h>

#include "common/fault.h"
#include "vmm/profile.h"

/* Letters that CD drives may have while setup runs and afterwards. */
static const char letters[] = "DEFGH";

/* Folders of virtio-win.iso, in the order of use: disk first. viogpudo and
 * vioinput have no drivers for Windows 7. */
static const struct {
	const char *name;
	gboolean on_7;
} drivers[] = {
    {"viostor", TRUE},   {"vioserial", TRUE}, {"NetKVM", TRUE},
    {"Balloon", TRUE},   {"viorng", TRUE},    {"vioinput", FALSE},
    {"viogpudo", FALSE},
};

/* ---- checking ---- */

static gboolean only(const char *text, const char *others)
{
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr(others, *text))
			return FALSE;
	return TRUE;
}

static gboolean is_locale(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "-", -1);
	guint n = g_strv_length(parts);
	if (n < 2 || n > 3 || strlen(parts[0]) < 2 || strlen(parts[0]) > 3)
		return FALSE;
	for (guint i = 0; i < n; i++)
		if (!only(parts[i], "") || strlen(parts[i]) < 2 ||
		    strlen(parts[i]) > 8)
			return FALSE;
	return TRUE;
}

/* LANGUAGE:LAYOUT in hex, or a locale. */
static gboolean is_keyboard(const char *text)
{
	if (is_locale(text))
		return TRUE;
	for (int i = 0; i < 13; i++)
		if (i == 4 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
			return FALSE;
	return text[13] == 0;
}

static gboolean is_key(const char *text)
{
	for (int i = 0; i < 29; i++)
		if (i % 6 == 5 ? text[i] != '-'
			       : !g_ascii_isupper(text[i]) &&
				     !g_ascii_isdigit(text[i]))
			return FALSE;
	return text[29] == 0;
}

static gboolean is_computer(const char *text)
{
	gsize length = strlen(text);
	return length >= 1 && length <= 15 && only(text, "-") && *text != '-' &&
	       text[length - 1] != '-' && strspn(text, "0123456789") != length;
}

static gboolean is_text(const char *text, glong most, const char *without)
{
	if (!g_utf8_validate(text, -1, NULL) || !*text ||
	    g_utf8_strlen(text, -1) > most || strpbrk(text, without))
		return FALSE;
	for (const char *at = text; *at; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);
		/* XML 1.0, 2.2 has no others; U+FFFE and U+FFFF neither */
		if (c < 0x20 || c == 0x7f || (c & 0xfffe) == 0xfffe)
			return FALSE;
	}
	return TRUE;
}

static gboolean is_user(const char *text)
{
	static const char *const taken[] = {
	    "Administrator",      "Guest", "SYSTEM", "DefaultAccount",
	    "WDAGUtilityAccount", "NONE"};
	for (gsize i = 0; i < G_N_ELEMENTS(taken); i++)
		if (g_ascii_strcasecmp(text, taken[i]) == 0)
			return FALSE;
	gsize length = strlen(text);
	return is_text(text, 20, "\"/\\[]:;|=,+*?<>@%&") && text[0] != ' ' &&
	       text[0] != '.' && text[length - 1] != '.' &&
	       text[length - 1] != ' ';
}

gboolean answers_check(const struct answers *self, GError **error)
{
	const struct engine_profile *profile =
	    self->profile ? engine_profile_find(self->profile) : NULL;
	const char *wrong = NULL, *remedy = NULL;
	if (!profile || !g_str_has_prefix(profile->name, "windows-")) {
		wrong = "there are answers for no such system";
		remedy = "Take windows-7, windows-10 or windows-11.";
	} else if (!self->locale || !is_locale(self->locale)) {
		wrong = "the locale is none";
		remedy = "Write language and country: de-DE.";
	} else if (self->keyboard && !is_keyboard(self->keyboard)) {
		wrong = "the keyboard is none";
		remedy = "Write a locale, or language and layout: "
			 "0407:00000407.";
	} else if (self->timezone &&
		   (!only(self->timezone, " .()+-") || !*self->timezone ||
		    strlen(self->timezone) > 64)) {
		wrong = "the time zone is none of Windows'";
		remedy = "Write its name as 'tzutil /l' tells it: W. Europe "
			 "Standard Time.";
	} else if (self->edition && !is_text(self->edition, 128, "")) {
		wrong = "the edition is no name";
		remedy = "Write it as the medium does: Windows 11 Pro.";
	} else if (self->index < 0 || self->index > 99) {
		wrong = "the medium has no edition of this number";
		remedy = "Count from 1.";
	} else if (self->edition && self->index) {
		wrong = "the edition is named twice";
		remedy = "Give its name or its number.";
	} else if (self->computer && !is_computer(self->computer)) {
		wrong = "the computer's name is none";
		remedy = "Take up to 15 letters, digits and '-', not digits "
			 "alone.";
	} else if (self->user && !is_user(self->user)) {
		wrong = "Windows has no user of this name";
		remedy = "Take up to 20 letters and digits, and none of "
			 "Windows' own names.";
	} else if (!self->password || !is_text(self->password, 127, "")) {
		wrong = "the administrator's password is none";
		remedy = "Take 1 to 127 characters that can be typed.";
	} else if (self->product_key && !is_key(self->product_key)) {
		wrong = "the product key is none";
		remedy = "It is five groups of five letters and digits.";
	}
	if (!wrong)
		return TRUE;
	fault_set(error, FAULT_INVALID, remedy,
		  "The installation cannot be prepared: %s.", wrong);
	return FALSE;
}

/* ---- writing ---- */

struct xml {
	GString *text;
	const char *open[16];
	unsigned depth;
};

static void indent(struct xml *xml)
{
	for (unsigned i = 0; i < xml->depth; i++)
		g_string_append_c(xml->text, '\t');
}

/* attributes: as they stand, or "". */
static void begin(struct xml *xml, const char *name, const char *attributes)
{
	indent(xml);
	g_string_append_printf(xml->text, "<%s%s>\n", name, attributes);
	xml->open[xml->depth++] = name;
}

static void end(struct xml *xml)
{
	xml->depth--;
	indent(xml);
	g_string_append_printf(xml->text, "</%s>\n", xml->open[xml->depth]);
}

static void value(struct xml *xml, const char *name, const char *text)
{
	g_autofree char *safe = g_markup_escape_text(text, -1);
	indent(xml);
	g_string_append_printf(xml->text, "<%s>%s</%s>\n", name, safe, name);
}

static void number(struct xml *xml, const char *name, unsigned n)
{
	g_autofree char *text = g_strdup_printf("%u", n);
	value(xml, name, text);
}

static void add(struct xml *xml, const char *name)
{
	begin(xml, name, " wcm:action=\"add\"");
}

static void pass(struct xml *xml, const char *name)
{
	g_autofree char *attribute = g_strdup_printf(" pass=\"%s\"", name);
	begin(xml, "settings", attribute);
}

static void component(struct xml *xml, const char *name)
{
	g_autofree char *attributes = g_strdup_printf(
	    " name=\"%s\" processorArchitecture=\"amd64\" "
	    "publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" "
	    "versionScope=\"nonSxS\"",
	    name);
	begin(xml, "component", attributes);
}

/* ---- what is answered ---- */

static gboolean is_7(const struct answers *self)
{
	return strcmp(self->profile, "windows-7") == 0;
}

static void put_locales(struct xml *xml, const struct answers *self)
{
	value(xml, "InputLocale",
	      self->keyboard ? self->keyboard : self->locale);
	value(xml, "SystemLocale", self->locale);
	value(xml, "UILanguage", self->locale);
	value(xml, "UserLocale", self->locale);
}

struct part {
	const char *type, *format, *label; /* format NULL: none */
	unsigned size_mib;                 /* 0: what is left */
};

static void put_disk(struct xml *xml, const struct answers *self,
		     unsigned *windows)
{
	static const struct part uefi[] = {
	    {"EFI", "FAT32", "System", 260},
	    {"MSR", NULL, NULL, 16},
	    {"Primary", "NTFS", "Windows", 0},
	};
	static const struct part bios[] = {
	    {"Primary", "NTFS", "System", 350},
	    {"Primary", "NTFS", "Windows", 0},
	};
	gboolean efi = engine_profile_find(self->profile)->uefi;
	const struct part *parts = efi ? uefi : bios;
	unsigned n = efi ? G_N_ELEMENTS(uefi) : G_N_ELEMENTS(bios);
	*windows = n;
	begin(xml, "DiskConfiguration", "");
	add(xml, "Disk");
	number(xml, "DiskID", 0);
	value(xml, "WillWipeDisk", "true");
	begin(xml, "CreatePartitions", "");
	for (unsigned i = 0; i < n; i++) {
		add(xml, "CreatePartition");
		number(xml, "Order", i + 1);
		value(xml, "Type", parts[i].type);
		if (parts[i].size_mib)
			number(xml, "Size", parts[i].size_mib);
		else
			value(xml, "Extend", "true");
		end(xml);
	}
	end(xml);
	begin(xml, "ModifyPartitions", "");
	for (unsigned i = 0, order = 1; i < n; i++) {
		if (!parts[i].format)
			continue;
		add(xml, "ModifyPartition");
		number(xml, "Order", order++);
		number(xml, "PartitionID", i + 1);
		value(xml, "Format", parts[i].format);
		value(xml, "Label", parts[i].label);
		if (!efi && i == 0)
			value(xml, "Active", "true");
		if (i + 1 == n)
			value(xml, "Letter", "C");
		end(xml);
	}
	end(xml);
	end(xml);
	value(xml, "WillShowUI", "OnError");
	end(xml);
}

static void put_image(struct xml *xml, const struct answers *self,
		      unsigned partition)
{
	static const struct {
		const char *profile, *edition;
	} usual[] = {{"windows-7", "Windows 7 PROFESSIONAL"},
		     {"windows-10", "Windows 10 Pro"},
		     {"windows-11", "Windows 11 Pro"}};
	const char *edition = self->edition;
	for (gsize i = 0; !edition && i < G_N_ELEMENTS(usual); i++)
		if (strcmp(usual[i].profile, self->profile) == 0)
			edition = usual[i].edition;
	begin(xml, "ImageInstall", "");
	begin(xml, "OSImage", "");
	begin(xml, "InstallFrom", "");
	add(xml, "MetaData");
	value(xml, "Key", self->index ? "/IMAGE/INDEX" : "/IMAGE/NAME");
	if (self->index)
		number(xml, "Value", (unsigned)self->index);
	else
		value(xml, "Value", edition);
	end(xml);
	end(xml);
	begin(xml, "InstallTo", "");
	number(xml, "DiskID", 0);
	number(xml, "PartitionID", partition);
	end(xml);
	value(xml, "WillShowUI", "OnError");
	end(xml);
	end(xml);
}

static void put_drivers(struct xml *xml, const struct answers *self)
{
	const char *version = is_7(self) ? "w7" : strrchr(self->profile, '-');
	g_autofree char *folder = is_7(self)
				      ? g_strdup(version)
				      : g_strdup_printf("w%s", version + 1);
	unsigned key = 1;
	component(xml, "Microsoft-Windows-PnpCustomizationsWinPE");
	begin(xml, "DriverPaths", "");
	for (const char *letter = letters; *letter; letter++)
		for (gsize i = 0; i < G_N_ELEMENTS(drivers); i++) {
			if (is_7(self) && !drivers[i].on_7)
				continue;
			g_autofree char *attributes = g_strdup_printf(
			    " wcm:action=\"add\" wcm:keyValue=\"%u\"", key++);
			g_autofree char *path =
			    g_strdup_printf("%c:\\%s\\%s\\amd64", *letter,
					    drivers[i].name, folder);
			begin(xml, "PathAndCredentials", attributes);
			value(xml, "Path", path);
			end(xml);
		}
	end(xml);
	end(xml);
}

static void put_setup(struct xml *xml, const struct answers *self)
{
	unsigned partition;
	pass(xml, "windowsPE");
	component(xml, "Microsoft-Windows-International-Core-WinPE");
	begin(xml, "SetupUILanguage", "");
	value(xml, "UILanguage", self->locale);
	end(xml);
	put_locales(xml, self);
	end(xml);
	if (self->virtio)
		put_drivers(xml, self);
	component(xml, "Microsoft-Windows-Setup");
	put_disk(xml, self, &partition);
	put_image(xml, self, partition);
	begin(xml, "DynamicUpdate", "");
	value(xml, "Enable", "false");
	end(xml);
	begin(xml, "UserData", "");
	value(xml, "AcceptEula", "true");
	value(xml, "FullName", self->user ? self->user : "user");
	/* an empty key means: ask nobody, activate later */
	begin(xml, "ProductKey", "");
	value(xml, "Key", self->product_key ? self->product_key : "");
	value(xml, "WillShowUI", self->product_key ? "OnError" : "Never");
	end(xml);
	end(xml);
	end(xml);
	end(xml);
}

static void put_specialize(struct xml *xml, const struct answers *self)
{
	pass(xml, "specialize");
	component(xml, "Microsoft-Windows-Shell-Setup");
	/* '*': a name of its own, which a clone changes again */
	value(xml, "ComputerName", self->computer ? self->computer : "*");
	value(xml, "TimeZone", self->timezone ? self->timezone : "UTC");
	end(xml);
	end(xml);
}

/* Not secret, only unreadable at a glance: what Windows' own tools write. */
static char *hide(const char *password)
{
	g_autofree char *both = g_strconcat(password, "Password", NULL);
	glong units = 0;
	g_autofree gunichar2 *wide =
	    g_utf8_to_utf16(both, -1, NULL, &units, NULL);
	for (glong i = 0; i < units; i++)
		wide[i] = GUINT16_TO_LE(wide[i]);
	return g_base64_encode((const guchar *)wide, (gsize)units * 2);
}

static void put_password(struct xml *xml, const struct answers *self)
{
	g_autofree char *hidden = hide(self->password);
	begin(xml, "Password", "");
	value(xml, "Value", hidden);
	value(xml, "PlainText", "false");
	end(xml);
}

static void put_oobe(struct xml *xml, const struct answers *self)
{
	const char *user = self->user ? self->user : "user";
	pass(xml, "oobeSystem");
	component(xml, "Microsoft-Windows-International-Core");
	put_locales(xml, self);
	end(xml);
	component(xml, "Microsoft-Windows-Shell-Setup");
	begin(xml, "OOBE", "");
	value(xml, "HideEULAPage", "true");
	if (is_7(self)) {
		value(xml, "NetworkLocation", "Work");
	} else {
		value(xml, "HideLocalAccountScreen", "true");
		value(xml, "HideOEMRegistrationScreen", "true");
		value(xml, "HideOnlineAccountScreens", "true");
	}
	value(xml, "HideWirelessSetupInOOBE", "true");
	value(xml, "ProtectYourPC", "3");
	end(xml);
	begin(xml, "UserAccounts", "");
	begin(xml, "LocalAccounts", "");
	add(xml, "LocalAccount");
	value(xml, "Name", user);
	value(xml, "Group", "Administrators");
	put_password(xml, self);
	end(xml);
	end(xml);
	end(xml);
	begin(xml, "AutoLogon", "");
	value(xml, "Enabled", "true");
	number(xml, "LogonCount", 1);
	value(xml, "Username", user);
	put_password(xml, self);
	end(xml);
	begin(xml, "FirstLogonCommands", "");
	add(xml, "SynchronousCommand");
	number(xml, "Order", 1);
	value(xml, "CommandLine",
	      "cmd /c for %d in (D E F G H) do if exist "
	      "%d:\\oriel\\setup.cmd call %d:\\oriel\\setup.cmd /finish");
	value(xml, "Description", "Oriel's agent, then off");
	value(xml, "RequiresUserInput", "false");
	end(xml);
	end(xml);
	end(xml);
	end(xml);
}

char *answers_xml(const struct answers *self)
{
	struct xml xml = {.text = g_string_new("<?xml version=\"1.0\" "
					       "encoding=\"utf-8\"?>\n")};
	begin(&xml, "unattend",
	      " xmlns=\"urn:schemas-microsoft-com:unattend\" "
	      "xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/"
	      "State\"");
	put_setup(&xml, self);
	put_specialize(&xml, self);
	put_oobe(&xml, self);
	end(&xml);
	return g_string_free(xml.text, FALSE);
}

char *answers_script(void)
{
	static const char *const lines[] = {
	    "@echo off",
	    "rem Installs Oriel's agent, silently; as administrator.",
	    "rem   setup.cmd          the agent alone, on a Windows that is "
	    "there",
	    "rem   setup.cmd /finish  the end of an installation: drivers, "
	    "then off",
	    "setlocal",
	    "set from=%~dp0",
	    "if /i \"%PROCESSOR_ARCHITECTURE%\"==\"x86\" if not defined "
	    "PROCESSOR_ARCHITEW6432 set from=%~d0\\oriel-x86\\",
	    "if not \"%1\"==\"/finish\" goto agent",
	    "rem a machine whose picture is watched from afar never sleeps",
	    "powercfg -h off",
	    "powercfg -x -monitor-timeout-ac 0",
	    "powercfg -x -standby-timeout-ac 0",
	    "rem virtio-win: all drivers, and QEMU's guest agent",
	    "for %%d in (D E F G H) do if exist "
	    "%%d:\\virtio-win-guest-tools.exe "
	    "%%d:\\virtio-win-guest-tools.exe /install /quiet /norestart",
	    ":agent",
	    "\"%from%oriel-agent.exe\" --install",
	    "set result=%errorlevel%",
	    "if not \"%1\"==\"/finish\" exit /b %result%",
	    "rem what setup keeps of its answers has the password in it",
	    "del /f /q \"%windir%\\Panther\\unattend.xml\" "
	    "\"%windir%\\Panther\\autounattend.xml\" "
	    "\"%windir%\\Panther\\unattend-original.xml\" 2>nul",
	    "reg delete \"HKLM\\SOFTWARE\\Microsoft\\Windows "
	    "NT\\CurrentVersion\\Winlogon\" /v DefaultPassword /f 2>nul",
	    "reg add \"HKLM\\SOFTWARE\\Microsoft\\Windows "
	    "NT\\CurrentVersion\\Winlogon\" /v AutoAdminLogon /d 0 /f",
	    "shutdown /s /t 5",
	};
	g_autoptr(GString) text = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
		g_string_append_printf(text, "%s\r\n", lines[i]);
	return g_string_free(g_steal_pointer(&text), FALSE);
}
