/* atoms.h - the names of X properties, messages and selections that we use.
 * ATOM(NAME) is the index, the table is filled at the start. */
#pragma once

#define ATOM_NAMES(X)                                                          \
	X(_ORIEL_ID)                                                           \
	X(UTF8_STRING)                                                         \
	X(COMPOUND_TEXT)                                                       \
	X(WM_PROTOCOLS)                                                        \
	X(WM_DELETE_WINDOW)                                                    \
	X(WM_TAKE_FOCUS)                                                       \
	X(WM_STATE)                                                            \
	X(WM_CHANGE_STATE)                                                     \
	X(WM_WINDOW_ROLE)                                                      \
	X(WM_CLIENT_LEADER)                                                    \
	X(WM_S0)                                                               \
	X(MANAGER)                                                             \
	X(_NET_SUPPORTED)                                                      \
	X(_NET_SUPPORTING_WM_CHECK)                                            \
	X(_NET_CLIENT_LIST)                                                    \
	X(_NET_CLIENT_LIST_STACKING)                                           \
	X(_NET_ACTIVE_WINDOW)                                                  \
	X(_NET_NUMBER_OF_DESKTOPS)                                             \
	X(_NET_CURRENT_DESKTOP)                                                \
	X(_NET_DESKTOP_GEOMETRY)                                               \
	X(_NET_DESKTOP_VIEWPORT)                                               \
	X(_NET_WORKAREA)                                                       \
	X(_NET_CLOSE_WINDOW)                                                   \
	X(_NET_MOVERESIZE_WINDOW)                                              \
	X(_NET_WM_MOVERESIZE)                                                  \
	X(_NET_REQUEST_FRAME_EXTENTS)                                          \
	X(_NET_FRAME_EXTENTS)                                                  \
	X(_NET_WM_NAME)                                                        \
	X(_NET_WM_PID)                                                         \
	X(_NET_WM_ICON)                                                        \
	X(_NET_WM_DESKTOP)                                                     \
	X(_NET_WM_USER_TIME)                                                   \
	X(_NET_WM_USER_TIME_WINDOW)                                            \
	X(_NET_STARTUP_ID)                                                     \
	X(_NET_WM_PING)                                                        \
	X(_NET_WM_SYNC_REQUEST)                                                \
	X(_NET_WM_SYNC_REQUEST_COUNTER)                                        \
	X(_NET_WM_WINDOW_OPACITY)                                              \
	X(_NET_WM_ALLOWED_ACTIONS)                                             \
	X(_NET_WM_ACTION_MOVE)                                                 \
	X(_NET_WM_ACTION_RESIZE)                                               \
	X(_NET_WM_ACTION_MINIMIZE)                                             \
	X(_NET_WM_ACTION_MAXIMIZE_HORZ)                                        \
	X(_NET_WM_ACTION_MAXIMIZE_VERT)                                        \
	X(_NET_WM_ACTION_FULLSCREEN)                                           \
	X(_NET_WM_ACTION_CLOSE)                                                \
	X(_NET_WM_STATE)                                                       \
	X(_NET_WM_STATE_MODAL)                                                 \
	X(_NET_WM_STATE_STICKY)                                                \
	X(_NET_WM_STATE_MAXIMIZED_VERT)                                        \
	X(_NET_WM_STATE_MAXIMIZED_HORZ)                                        \
	X(_NET_WM_STATE_SHADED)                                                \
	X(_NET_WM_STATE_SKIP_TASKBAR)                                          \
	X(_NET_WM_STATE_SKIP_PAGER)                                            \
	X(_NET_WM_STATE_HIDDEN)                                                \
	X(_NET_WM_STATE_FULLSCREEN)                                            \
	X(_NET_WM_STATE_ABOVE)                                                 \
	X(_NET_WM_STATE_BELOW)                                                 \
	X(_NET_WM_STATE_DEMANDS_ATTENTION)                                     \
	X(_NET_WM_STATE_FOCUSED)                                               \
	X(_NET_WM_WINDOW_TYPE)                                                 \
	X(_NET_WM_WINDOW_TYPE_NORMAL)                                          \
	X(_NET_WM_WINDOW_TYPE_DIALOG)                                          \
	X(_NET_WM_WINDOW_TYPE_UTILITY)                                         \
	X(_NET_WM_WINDOW_TYPE_TOOLBAR)                                         \
	X(_NET_WM_WINDOW_TYPE_SPLASH)                                          \
	X(_NET_WM_WINDOW_TYPE_MENU)                                            \
	X(_NET_WM_WINDOW_TYPE_DROPDOWN_MENU)                                   \
	X(_NET_WM_WINDOW_TYPE_POPUP_MENU)                                      \
	X(_NET_WM_WINDOW_TYPE_TOOLTIP)                                         \
	X(_NET_WM_WINDOW_TYPE_NOTIFICATION)                                    \
	X(_NET_WM_WINDOW_TYPE_COMBO)                                           \
	X(_NET_WM_WINDOW_TYPE_DND)                                             \
	X(_GTK_FRAME_EXTENTS)                                                  \
	X(_MOTIF_WM_HINTS)                                                     \
	X(_NET_SYSTEM_TRAY_S0)                                                 \
	X(_NET_SYSTEM_TRAY_OPCODE)                                             \
	X(_NET_SYSTEM_TRAY_ORIENTATION)                                        \
	X(_NET_SYSTEM_TRAY_MESSAGE_DATA)                                       \
	X(_XEMBED)                                                             \
	X(_XEMBED_INFO)                                                        \
	X(_ORIEL_WINDOW)                                                       \
	X(_ORIEL_TIME)

enum atom_index {
#define X(name) ATOM_##name,
	ATOM_NAMES(X)
#undef X
	    ATOMS
};

#define ATOM(agent, name) ((agent)->atom[ATOM_##name])
