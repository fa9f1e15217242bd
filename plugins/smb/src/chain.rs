//! Requests that go to the server together and come back together (a compound of related operations, MS-SMB2 section 3.2.4.1.4): open,
//! do, close in one round trip.

use capstan_sdk::Outcome;
use smb2::client::{CompoundOp, Frame};
use smb2::msg::close::{CloseRequest, CloseResponse, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB};
use smb2::msg::create::{CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess};
use smb2::msg::create_context::{OnDiskId, pack_contexts};
use smb2::msg::flush::FlushRequest;
use smb2::msg::ioctl::{IoctlRequest, SMB2_0_IOCTL_IS_FSCTL};
use smb2::msg::query_directory::{FileInformationClass, QueryDirectoryFlags, QueryDirectoryRequest};
use smb2::msg::query_info::{InfoType, QueryInfoRequest, QueryInfoResponse};
use smb2::msg::read::{ReadRequest, ReadResponse, SMB2_CHANNEL_NONE};
use smb2::msg::set_info::SetInfoRequest;
use smb2::msg::write::WriteRequest;
use smb2::pack::{Pack, ReadCursor, Unpack};
use smb2::types::flags::FileAccessMask;
use smb2::types::status::NtStatus;
use smb2::types::{Command, CreditCharge, FileId, OplockLevel, TreeId};

use crate::error;
use crate::payload::{DATA_OFFSET, Payload};
use crate::status;

/// Bytes of a payload that one credit pays for (MS-SMB2 section 3.1.5.2).
const PER_CREDIT: usize = 64 << 10;

pub(crate) mod access {
    use smb2::types::flags::FileAccessMask as Mask;

    pub(crate) const LOOK: u32 = Mask::FILE_READ_ATTRIBUTES | Mask::SYNCHRONIZE;
    pub(crate) const READ: u32 = LOOK | Mask::FILE_READ_DATA;
    /// Also of a directory, whose entries are its data.
    pub(crate) const LIST: u32 = READ;
    pub(crate) const WRITE: u32 = LOOK | Mask::FILE_WRITE_DATA | Mask::FILE_APPEND_DATA | Mask::FILE_WRITE_ATTRIBUTES;
    pub(crate) const DELETE: u32 = LOOK | Mask::DELETE;
    pub(crate) const DRESS: u32 = LOOK | Mask::FILE_WRITE_ATTRIBUTES;
    pub(crate) const MARK: u32 = Mask::FILE_WRITE_EA;
    pub(crate) const MARKS: u32 = LOOK | Mask::FILE_READ_EA;
}

/// Options of an open (MS-SMB2 section 2.2.13).
pub(crate) mod option {
    pub(crate) const DIRECTORY: u32 = 0x0000_0001;
    pub(crate) const NOT_DIRECTORY: u32 = 0x0000_0040;
    /// Gone when it is closed.
    pub(crate) const DELETE_ON_CLOSE: u32 = 0x0000_1000;
    /// A link itself, not what it points at.
    pub(crate) const REPARSE_POINT: u32 = 0x0020_0000;
}

/// Others may do anything meanwhile.
pub(crate) const SHARE_ALL: u32 = ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_WRITE | ShareAccess::FILE_SHARE_DELETE;

/// How a name is opened.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// As the wire spells it.
    pub(crate) name: String,
    pub(crate) access: u32,
    pub(crate) disposition: CreateDisposition,
    pub(crate) options: u32,
    pub(crate) share: u32,
}

impl Opening {
    /// What is there already.
    pub(crate) fn existing(name: String, access: u32) -> Self {
        let options = option::REPARSE_POINT;
        Self { name, access, disposition: CreateDisposition::FileOpen, options, share: SHARE_ALL }
    }

    pub(crate) fn options(mut self, options: u32) -> Self {
        self.options |= options;
        self
    }
}

pub(crate) struct Chain {
    steps: Vec<(Command, Box<dyn Pack>, u16)>,
    file: FileId,
}

impl Chain {
    /// Begins with an open, whose file the steps after it are about.
    pub(crate) fn open(opening: Opening) -> Self {
        let request = CreateRequest {
            // Nothing is cached here, so nothing need be told when somebody else wants the file.
            requested_oplock_level: OplockLevel::None,
            impersonation_level: ImpersonationLevel::Impersonation,
            desired_access: FileAccessMask::new(opening.access),
            file_attributes: 0,
            share_access: ShareAccess(opening.share),
            create_disposition: opening.disposition,
            create_options: opening.options,
            name: opening.name,
            create_contexts: pack_contexts(&[OnDiskId::request()]),
        };
        Self { steps: vec![(Command::Create, Box::new(request), 1)], file: FileId::SENTINEL }
    }

    /// About a file that is open.
    pub(crate) fn on(file: FileId) -> Self {
        Self { steps: Vec::new(), file }
    }

    #[cfg(test)]
    pub(crate) fn commands(&self) -> Vec<Command> {
        self.steps.iter().map(|(command, ..)| *command).collect()
    }

    fn step(mut self, command: Command, request: impl Pack + 'static, payload: usize) -> Self {
        self.steps.push((command, Box::new(request), charge(payload)));
        self
    }

    pub(crate) fn close(self) -> Self {
        let file_id = self.file;
        self.step(Command::Close, CloseRequest { flags: SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB, file_id }, 0)
    }

    pub(crate) fn read(self, offset: u64, length: u32) -> Self {
        let request = ReadRequest {
            padding: 0x50,
            flags: 0,
            length,
            offset,
            file_id: self.file,
            minimum_count: 0,
            channel: SMB2_CHANNEL_NONE,
            remaining_bytes: 0,
            read_channel_info: Vec::new(),
        };
        self.step(Command::Read, request, length as usize)
    }

    pub(crate) fn write(self, offset: u64, data: Vec<u8>) -> Self {
        let payload = data.len();
        let request = WriteRequest {
            data_offset: DATA_OFFSET,
            offset,
            file_id: self.file,
            channel: SMB2_CHANNEL_NONE,
            remaining_bytes: 0,
            write_channel_info_offset: 0,
            write_channel_info_length: 0,
            flags: 0,
            data,
        };
        self.step(Command::Write, request, payload)
    }

    /// To be the last: a server may refuse what takes long anywhere else in a chain (MS-SMB2 section 3.3.5.2.7.2).
    pub(crate) fn flush(self) -> Self {
        let file_id = self.file;
        self.step(Command::Flush, FlushRequest { file_id }, 0)
    }

    pub(crate) fn set(self, class: u8, buffer: Vec<u8>) -> Self {
        let request = SetInfoRequest {
            info_type: InfoType::File,
            file_info_class: class,
            additional_information: 0,
            file_id: self.file,
            buffer,
        };
        self.step(Command::SetInfo, request, 0)
    }

    pub(crate) fn query(self, info_type: InfoType, class: u8, most: u32) -> Self {
        let request = QueryInfoRequest {
            info_type,
            file_info_class: class,
            output_buffer_length: most,
            additional_information: 0,
            flags: 0,
            file_id: self.file,
            input_buffer: Vec::new(),
        };
        self.step(Command::QueryInfo, request, most as usize)
    }

    /// The next entries whose names match the pattern.
    pub(crate) fn list(self, pattern: &str, restart: bool, most: u32) -> Self {
        let request = QueryDirectoryRequest {
            file_information_class: FileInformationClass::FileIdBothDirectoryInformation,
            flags: QueryDirectoryFlags(if restart { QueryDirectoryFlags::RESTART_SCANS } else { 0 }),
            file_index: 0,
            file_id: self.file,
            output_buffer_length: most,
            file_name: pattern.to_owned(),
        };
        self.step(Command::QueryDirectory, request, most as usize)
    }

    pub(crate) fn control(self, code: u32, most: u32) -> Self {
        let request = IoctlRequest {
            ctl_code: code,
            file_id: self.file,
            max_input_response: 0,
            max_output_response: most,
            flags: SMB2_0_IOCTL_IS_FSCTL,
            input_data: Vec::new(),
        };
        self.step(Command::Ioctl, request, most as usize)
    }

    /// Sends all steps as one; the answers, one for each step.
    pub(crate) async fn send(&self, connection: &smb2::client::Connection, tree: TreeId) -> smb2::Result<Answers> {
        let frames = match self.steps.as_slice() {
            [(command, request, charge)] => {
                vec![connection.execute_with_credits(*command, &**request, Some(tree), CreditCharge(*charge)).await?]
            }
            steps => {
                let operations: Vec<CompoundOp<'_>> = steps
                    .iter()
                    .map(|(command, request, charge)| CompoundOp {
                        command: *command,
                        body: &**request,
                        tree_id: Some(tree),
                        credit_charge: CreditCharge(*charge),
                    })
                    .collect();
                connection.execute_compound(&operations).await?.into_iter().collect::<smb2::Result<Vec<Frame>>>()?
            }
        };
        answered(frames)
    }
}

/// A WRITE on its own, its data sent from where they stand.
pub(crate) async fn send_write(
    connection: &smb2::client::Connection,
    tree: TreeId,
    file: FileId,
    offset: u64,
    payload: Payload,
) -> smb2::Result<Answers> {
    let charge = CreditCharge(charge(payload.len()));
    let request = payload.into_request(file, offset);
    answered(vec![connection.execute_in_place(Command::Write, request, Some(tree), charge).await?])
}

/// Credits that a request with so much payload costs.
fn charge(payload: usize) -> u16 {
    u16::try_from(payload.div_ceil(PER_CREDIT).max(1)).unwrap_or(u16::MAX)
}

/// A session that the server does not know any more is the link's matter, not the chain's.
fn answered(frames: Vec<Frame>) -> smb2::Result<Answers> {
    for frame in &frames {
        let error = smb2::Error::Protocol { status: frame.header.status, command: frame.header.command };
        if error::is_lost(&error) {
            return Err(error);
        }
    }
    Ok(Answers(frames))
}

/// The answers to a chain, by the place of their step.
#[derive(Debug)]
pub(crate) struct Answers(Vec<Frame>);

impl Answers {
    /// Answers without bodies.
    #[cfg(test)]
    pub(crate) fn of(statuses: &[(Command, NtStatus)]) -> Self {
        let frame = |(command, status): &(Command, NtStatus)| {
            let mut header = smb2::msg::header::Header::new_request(*command);
            header.status = *status;
            Frame { header, body: Vec::new(), raw: Vec::new() }
        };
        Self(statuses.iter().map(frame).collect())
    }

    pub(crate) fn status(&self, step: usize) -> NtStatus {
        self.0.get(step).map_or(NtStatus::UNSUCCESSFUL, |frame| frame.header.status)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The body of a step that was done.
    fn body(&self, step: usize, subject: &str) -> Outcome<&[u8]> {
        let status = self.status(step);
        match self.0.get(step) {
            Some(frame) if status.is_success_or_partial() => Ok(&frame.body),
            _ => Err(status::general(status, subject)),
        }
    }

    fn parsed<T: Unpack>(&self, step: usize, subject: &str) -> Outcome<T> {
        T::unpack(&mut ReadCursor::new(self.body(step, subject)?)).map_err(|error| error::failure(&error, subject))
    }

    pub(crate) fn done(&self, step: usize, subject: &str) -> Outcome<()> {
        self.body(step, subject).map(drop)
    }

    /// What the first step opened.
    pub(crate) fn opened(&self, subject: &str) -> Outcome<CreateResponse> {
        self.parsed(0, subject)
    }

    /// What stays open although the chain was to close it: a step that failed may take those behind it with it.
    pub(crate) fn left_open(&self) -> Option<FileId> {
        let close = self.0.last().filter(|frame| frame.header.command == Command::Close)?;
        let opened = self.0.first().filter(|frame| frame.header.command == Command::Create)?;
        if close.header.status.is_success() || !opened.header.status.is_success() {
            return None;
        }
        CreateResponse::unpack(&mut ReadCursor::new(&opened.body)).ok().map(|opened| opened.file_id)
    }

    pub(crate) fn closed(&self, step: usize, subject: &str) -> Outcome<CloseResponse> {
        self.parsed(step, subject)
    }

    pub(crate) fn data(&self, step: usize, subject: &str) -> Outcome<Vec<u8>> {
        if self.status(step) == NtStatus::END_OF_FILE {
            return Ok(Vec::new());
        }
        self.parsed::<ReadResponse>(step, subject).map(|answer| answer.data)
    }

    pub(crate) fn written(&self, step: usize, subject: &str) -> Outcome<u32> {
        self.parsed::<smb2::msg::write::WriteResponse>(step, subject).map(|answer| answer.count)
    }

    pub(crate) fn info(&self, step: usize, subject: &str) -> Outcome<Vec<u8>> {
        self.parsed::<QueryInfoResponse>(step, subject).map(|answer| answer.output_buffer)
    }

    /// A page of a directory; none at its end.
    pub(crate) fn listed(&self, step: usize, subject: &str) -> Outcome<Option<Vec<u8>>> {
        match self.status(step) {
            NtStatus::NO_MORE_FILES | NtStatus::NO_SUCH_FILE => Ok(None),
            _ => self
                .parsed::<smb2::msg::query_directory::QueryDirectoryResponse>(step, subject)
                .map(|answer| Some(answer.output_buffer)),
        }
    }

    pub(crate) fn controlled(&self, step: usize, subject: &str) -> Outcome<Vec<u8>> {
        self.parsed::<smb2::msg::ioctl::IoctlResponse>(step, subject).map(|answer| answer.output_data)
    }
}
